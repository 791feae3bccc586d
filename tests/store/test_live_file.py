"""The file in which a process says what it holds: one line each, cleared and used again."""

import errno
import os
from pathlib import Path

import pytest

from pystore.core.refs import RRef
from pystore.store import live_file
from pystore.store.live_file import LiveFile, used

RREFS = [RRef(f"rref:{i:032x}-{'0' * 32}-{'name' * (1 + i % 32)}") for i in range(100)]


@pytest.fixture
def file(tmp_path):
    file = LiveFile(tmp_path)
    yield file
    file.end()
    assert list(tmp_path.iterdir()) == []


def held_by_nobody(rref: RRef) -> bool:
    return False


def test_LF1_each_line_comes_and_goes_alone(file, tmp_path):
    file.add(RREFS)
    assert used(tmp_path) == set(RREFS)
    for number, rref in enumerate(RREFS):
        file.remove(rref, held_by_nobody)
        assert used(tmp_path) == set(RREFS[number + 1 :])
        assert not file.has([rref])


def test_LF1_a_write_that_is_torn_spoils_no_other_line(file, tmp_path, monkeypatch):
    first, second, third = RREFS[:3]
    file.add([first])
    real, room = os.pwrite, [50]

    def write(number: int, line: bytes, at: int) -> int:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(number, line[: room.pop()], at)

    monkeypatch.setattr(live_file.os, "pwrite", write)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        file.add([second])
    monkeypatch.undo()
    file.add([third])
    assert used(tmp_path) == {first, third}
    file.add([second])
    assert used(tmp_path) == {first, second, third}


def test_LF1_a_write_that_is_cut_short_goes_on(file, tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(live_file.os, "pwrite", lambda n, line, at: real(n, line[:50], at))
    file.add(RREFS[:2])
    file.remove(RREFS[0], held_by_nobody)
    assert used(tmp_path) == {RREFS[1]}


def test_LF1_what_is_held_again_meanwhile_keeps_its_line(file, tmp_path):
    file.add(RREFS[:2])
    file.remove(RREFS[0], lambda rref: rref == RREFS[0])
    assert used(tmp_path) == set(RREFS[:2])
    file.remove(RREFS[0], held_by_nobody)
    assert used(tmp_path) == {RREFS[1]}


def test_LF2_a_slot_is_used_again(file):
    for _ in range(20):
        file.add(RREFS[:10])
        for rref in RREFS[:10]:
            file.remove(rref, held_by_nobody)
    for rref in RREFS:
        file.add([rref])
        file.remove(rref, held_by_nobody)
    assert file.path.stat().st_size <= 10 * 256


def test_a_file_that_is_lost_is_not_written(file, tmp_path):
    file.add(RREFS[:1])
    file.path.unlink()
    assert not file.stands
    file.remove(RREFS[0], held_by_nobody)
    assert not file.has([RREFS[0]])


def test_what_has_the_name_of_a_live_file_and_is_none_says_nothing(tmp_path):
    (tmp_path / "live-x").mkdir()
    (tmp_path / "live-y").write_bytes(b"\xff\xfe")
    (tmp_path / "live-z").symlink_to(Path("nowhere"))
    assert used(tmp_path) == set()


def test_a_file_that_grows_while_it_is_read_is_read(file, tmp_path, monkeypatch):
    """As by a dry gc, which does not keep others from noting what they use."""
    file.add(RREFS[:1])
    real = live_file.disk.open_file

    def growing(path, **options):
        opened = real(path, **options)
        file.add(RREFS[1:2])
        return opened

    monkeypatch.setattr(live_file.disk, "open_file", growing)
    assert RREFS[0] in used(tmp_path)
