"""The file in which reads are noted."""

import os
import threading

import pytest

from pystore.store.read_log import CHANGED, Reading, taken_over


@pytest.fixture
def reading(tmp_path):
    reading = Reading(str(tmp_path / "reads"))
    yield reading
    reading.close()


def noted_by_a_child(reading, key):
    if not (pid := os.fork()):
        reading.note(key, "1")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def test_RL1_children_and_threads_note_into_the_same_file(reading):
    threads = [threading.Thread(target=reading.note, args=(f"k{n}", "1")) for n in range(20)]
    for thread in threads:
        thread.start()
    noted_by_a_child(reading, "child")
    for thread in threads:
        thread.join()
    assert reading.found() == {"child": "1"} | {f"k{n}": "1" for n in range(20)}


def test_RL2_a_new_file_is_made_by_the_first_note_or_before_a_child_is_forked(tmp_path):
    path = tmp_path / "new"
    quiet = Reading(str(path), new=True)
    assert quiet.found() == {}
    assert not path.exists()
    noted_by_a_child(quiet, "child")
    assert quiet.found() == {"child": "1"}
    path.unlink()
    assert quiet.found() is None  # it is lost
    quiet.close()
    told = Reading(str(path), new=True)
    told.note("k", "1")
    assert told.found() == {"k": "1"}
    path.unlink()
    assert told.found() is None
    told.close()


def test_RL1_a_descriptor_that_became_another_file_is_not_written_to(reading, tmp_path):
    strange = os.open(tmp_path / "strange", os.O_WRONLY | os.O_CREAT)
    os.dup2(strange, reading._file.number)
    reading.note("k", "1")
    assert reading.found() == {"k": "1"}
    assert (tmp_path / "strange").read_bytes() == b""
    os.close(strange)


def test_what_was_seen_twice_and_differed_is_like_nothing_else(reading):
    reading.note("k", "1")
    reading.note("k", "1")
    reading.note("k", "2")
    assert reading.found() == {"k": CHANGED}


@pytest.mark.parametrize("text", [b'["k","1"]', b"[1,2]\n", b'["k"]\n', b"\xff\n", b"\n", b"7\n"])
def test_RL2_what_is_torn_or_odd_says_that_nothing_is_known(reading, tmp_path, text):
    reading.note("k", "1")
    with (tmp_path / "reads").open("ab") as file:
        file.write(text)
    assert reading.found() is None
    (tmp_path / "reads").unlink()
    assert reading.found() is None


def test_RL2_what_a_try_has_noted_is_taken_over_in_the_same_run_of_the_machine(reading, tmp_path):
    reading.note("k", "1")
    reading.stay(str(tmp_path / "0.reads"))
    reading.note("l", "1")
    again = taken_over(str(tmp_path / "0.reads"))
    again.note("m", "1")
    assert again.found() == {"k": "1", "l": "1", "m": "1"}
    again.close()
    unknown = taken_over(str(tmp_path / "1.reads"))
    assert unknown.found() is None
    unknown.close()


def test_RL3_a_full_disk_is_told_where_something_is_read():
    full = Reading("/dev/full")
    with pytest.raises(OSError, match="No space"):
        full.note("k", "1")
    full.close()


def test_after_its_end_nothing_is_noted(reading):
    reading.close()
    reading.note("k", "1")
    assert reading.found() == {}


def test_RL2_what_is_in_the_place_of_the_reads_is_not_waited_for_and_says_nothing(tmp_path):
    (tmp_path / "a.reads").mkdir()
    os.mkfifo(tmp_path / "b.reads")
    for name in ("a.reads", "b.reads"):
        reading = taken_over(str(tmp_path / name))
        reading.note("k", "1")
        assert reading.found() is None
        reading.close()
