"""Files that appear whole or not at all, and what is read of them."""

import os
import resource
import threading
from itertools import islice

import pytest

from pystore.errors import Corrupted
from pystore.store import disk


@pytest.fixture
def tmp(tmp_path):
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def test_DK1_who_reads_meanwhile_sees_the_old_bytes_or_the_new(tmp_path, tmp):
    path = tmp_path / "file"
    wholes = {bytes([number]) * 50_000 for number in range(8)}
    path.write_bytes(next(iter(wholes)))
    seen, ended = [], threading.Event()

    def look():
        while not ended.is_set():
            seen.append(path.read_bytes())

    reader = threading.Thread(target=look)
    reader.start()
    for content in [*wholes] * 20:
        disk.publish(str(path), content, tmp=tmp, durable=False)
    ended.set()
    reader.join()
    assert set(seen) <= wholes
    assert seen


@pytest.mark.parametrize("write", [disk.publish, disk.put])
@pytest.mark.parametrize("failing", ["write", "rename", "fchmod", "fsync"])
def test_DK1_a_failure_leaves_what_was_there(tmp_path, tmp, monkeypatch, write, failing):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="No space"):
        write(str(path), b"new", tmp=tmp, durable=True)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp) == []


def test_DK1_one_of_many_writes_once(tmp_path, tmp):
    path, won = tmp_path / "file", []

    def write(number):
        try:
            disk.write_once(str(path), b"%d" % number * 1000, tmp=tmp)
            won.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert path.read_bytes() == b"%d" % won[0] * 1000
    assert os.listdir(tmp) == []


def test_DK2_the_bytes_are_synced_before_the_name_and_the_name_before_the_return(
    tmp_path, tmp, monkeypatch
):
    told = []
    fsync, rename = os.fsync, os.rename

    def tell(path, what):
        if str(path).startswith(str(tmp_path)):  # other threads, and finalizers, have files as well
            told.append(what)

    def synced(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        tell(path, path)
        fsync(descriptor)

    def renamed(old, new):
        tell(new, f"{old} → {new}")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    path = tmp_path / "file"
    disk.publish(str(path), b"new", tmp=tmp, durable=True)
    assert told == [told[0], f"{told[0]} → {path}", str(tmp_path)]
    told.clear()
    disk.publish(str(path), b"newer", tmp=tmp, durable=False)
    assert len(told) == 1  # the rename


def test_a_file_that_is_there_is_not_written_anew(tmp_path):
    disk.write_new(tmp_path / "file", b"one", durable=False)
    with pytest.raises(FileExistsError):
        disk.write_new(tmp_path / "file", b"two", durable=False)
    assert disk.read(tmp_path / "file") == b"one"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o444


def test_what_is_no_file_is_damage(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("folder", "fifo"):
        with pytest.raises(Corrupted):
            disk.read(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        disk.read(tmp_path / "nothing")


def test_all_bytes_are_written_though_a_call_takes_only_some(tmp_path, monkeypatch):
    really = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, view: really(descriptor, view[:7]))
    disk.write_new(tmp_path / "file", b"many bytes, a few at a time", durable=False)
    monkeypatch.undo()
    assert disk.read(tmp_path / "file") == b"many bytes, a few at a time"


def test_no_name_comes_twice():
    assert len({disk.fresh_name() for _ in range(1000)}) == 1000


def test_files_are_synced_together_where_few_more_may_be_open(tmp_path, monkeypatch):
    """As in a program that has nearly as many files open as it may."""
    paths = [str(tmp_path / str(number)) for number in range(9)]
    for path in paths:
        (tmp_path / path).touch()
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino) or fsync(fd))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = (number for number in range(limits[0]) if not _is_open(number))
    *_, third = islice(free, 3)
    resource.setrlimit(resource.RLIMIT_NOFILE, (third, limits[1]))
    try:
        disk.sync_all(paths)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert sorted(synced) == sorted(os.stat(path).st_ino for path in paths)
    with pytest.raises(FileNotFoundError):
        disk.sync_all([*paths, str(tmp_path / "none")])


def _is_open(number):
    try:
        return bool(os.fstat(number))
    except OSError:
        return False
