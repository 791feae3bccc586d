"""Where searches keep their studies, and which processes work on them."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.store.searches import JournalLock, SearchFolder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes")


def ended(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_SZ1_what_a_dead_process_has_not_finished_can_be_told(store):
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        folder = SearchFolder(store, "train")
        with folder.at_work():
            os.write(tell, folder.by.encode())
            signal.pause()
    by = os.read(told, 1000).decode()
    mine = SearchFolder(store, "train")
    with mine.at_work():
        assert not mine.has_died(by)
        ended(child)
        assert mine.has_died(by)
        assert not mine.has_died(mine.by)
    assert SearchFolder(store, "train").has_died(mine.by)


def test_SZ1_of_processes_of_other_stores_nobody_can_tell(store):
    folder = SearchFolder(store, "train")
    assert not folder.has_died("0" * 32 + " " + "1" * 32)
    assert not folder.has_died("")


def test_the_lock_of_a_process_that_was_killed_is_free(store):
    folder = SearchFolder(store, "train")
    folder.make_journal()
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        with folder.alone():
            JournalLock(folder.journal).acquire()
            os.write(tell, b"x")
            signal.pause()
    os.read(told, 1)
    ended(child)
    with folder.alone():
        lock = JournalLock(folder.journal)
        assert lock.acquire()
        lock.release()


@given(
    lines=st.lists(st.text("abc", max_size=5).map(lambda text: f"{text}\n")),
    torn=st.text("abc", max_size=5),
)
def test_SZ2_a_torn_last_line_is_taken_away(tmp_path_factory, lines, torn):
    journal = tmp_path_factory.mktemp("search") / "x.journal"
    journal.write_text("".join(lines) + torn)
    lock = JournalLock(str(journal))
    lock.acquire()
    lock.release()
    assert journal.read_text() == "".join(lines)


def test_making_a_journal_again_leaves_it_as_it_is(store):
    folder = SearchFolder(store, "train")
    folder.make_journal()
    Path(folder.journal).write_text("{}\n")
    folder.make_journal()
    assert Path(folder.journal).read_text() == "{}\n"
