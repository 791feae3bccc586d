"""Small files that are read one after the other."""

import os

import pytest
from blake3 import blake3
from interrupting import interrupted
from opened import opened_below

from pystore.errors import Corrupted
from pystore.store.descriptors import open_folder
from pystore.store.in_turn import InTurn


@pytest.mark.parametrize("size", [0, 1, 4096, 1 << 16, 1 << 17])
def test_IR1_a_file_comes_whole(tmp_path, size):
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    turn = InTurn()
    assert turn.read(f"{tmp_path}/a") == content
    with open_folder(tmp_path) as folder:
        found = turn.hash(b"a", folder)
    if size < 1 << 16:
        assert found is not None
        assert (found[0].st_size, found[1]) == (size, blake3(content).hexdigest())
    else:
        assert found is None  # it is left to who hashes as a stream


def test_IR1_what_is_no_plain_file_is_told_of_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    turn = InTurn()
    for name in ("fifo", "folder"):
        with pytest.raises(Corrupted, match="no regular file"):
            turn.read(f"{tmp_path}/{name}")
    with pytest.raises(FileNotFoundError):
        turn.read(f"{tmp_path}/none")
    with open_folder(tmp_path) as folder:
        for name in (b"fifo", b"folder", b"link", b"none"):
            assert turn.hash(name, folder) is None


def test_IR2_signals_that_raise_leave_no_descriptor_open(tmp_path):
    (tmp_path / "a").write_text("x")
    assert _reads_in_spite_of_signals(f"{tmp_path}/a")
    assert opened_below(tmp_path) == []


def _reads_in_spite_of_signals(path: str) -> int:
    """How often a file was read by one object, which is gone at the return."""
    turn, reads = InTurn(), 0

    def read() -> None:
        nonlocal reads
        turn.read(path)
        reads += 1

    interrupted(read, 200, 0.0005, KeyboardInterrupt)
    assert turn.read(path) == b"x"
    return reads
