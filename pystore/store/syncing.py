"""Syncing: how the files and folders of one tree get onto the disk.

YN1  When a tree is synced, every file and folder of it is on the disk, by an fsync of its own or by
    one syncfs(2); or an OSError was raised.
YN2  One syncfs takes the place of many fsyncs only where it tells of every error: on a kernel and a
    file system that do so, through a descriptor that was open before the first byte was written.
YN3  Files that may be older than this descriptor, and files that are shared, get an fsync all the
    same.
YN4  The few files of a small tree are synced together with the record of its attempt, before that
    has its name: by one syncfs where YN2 allows it and the attempt was short. Of a large tree, only
    some few are left until then.
YN5  New derivations are synced together, by one syncfs where YN2 allows it.

Since Linux 5.8, syncfs reports an error of writing that came after the descriptor was opened, and
since 5.17 also that the file system could not write its journal. Sources: syncfs in sync(2), and
the commit "vfs: make sync_filesystem return errors from ->sync_fs" of Linux. It writes all that is
dirty on the file system, so it waits for others. Each fsync lets the disk flush its cache, though
the journal has taken all files in the step of the first one; a syncfs flushes once.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, Protocol

from . import disk, in_threads, mounts
from .descriptors import Kept, Opened

MANY = 1000  # files from which on one syncfs is worth its wait
_SOME = 3  # the same for small files and folders that an fsync each would sync in a row
THREADS = 16  # that wait for fsyncs of many files: the journal takes all of them at once

_LEFT = 16  # files and folders of a tree that are left for later,
_SIZE = 1 << 20  # [bytes] that these have together at most: gc waits while they are synced
_LONGEST = 4000  # [bytes] of a path that can be opened again

_SHORT = 60 * 10**9  # [ns] of an attempt; in a longer one, others have more time to fail to write

_TELLS = (5, 17)  # the first Linux whose syncfs reports all errors
_KINDS = ("ext4", "xfs", "btrfs")
_WORTH = 1 << 16  # [bytes] of others that are written in the time of one fsync
_MOST_SAVED = 1 << 25  # [bytes] of others for which a commit waits at most
_PAGE = 1 << 12  # [bytes] of which the kernel counts those that are dirty


class Left(NamedTuple):
    """The paths of what is not synced yet."""

    young: tuple[str, ...] = ()  # written since `witness` was opened
    apart: tuple[str, ...] = ()  # files that may be older, or are shared (YN3)
    size: int = 0  # [bytes] of the young files, at least
    witness: Kept | None = None

    def sync(self, *written: str) -> None:
        """Syncs all of it, with what was `written` since. Raises OSError."""
        young, witness = [*self.young, *written], self.witness
        if witness is not None and time.time_ns() - witness.changed > _SHORT:
            witness = None
        sync_new(young, witness, self.size, self.apart)


class Syncing(Protocol):
    """What is done with each open file and folder, once it is final."""

    @property
    def left(self) -> Left:
        """Those that are not synced yet."""

    def file(self, descriptor: int, path: bytes, status: os.stat_result) -> None:
        """For a file of the tree alone; its status is from before it was sealed."""

    def shared(self, descriptor: int, path: bytes) -> None:
        """For a file that is part of another realization, too."""

    def folder(self, descriptor: int, path: bytes) -> None:
        """For a folder, after its files."""


class _Each:
    """An fsync of each."""

    left = Left()

    def file(self, descriptor: int, path: bytes, status: os.stat_result) -> None:
        os.fsync(descriptor)

    def shared(self, descriptor: int, path: bytes) -> None:
        os.fsync(descriptor)

    def folder(self, descriptor: int, path: bytes) -> None:
        os.fsync(descriptor)


class _None:
    """No fsync."""

    left = Left()

    def file(self, descriptor: int, path: bytes, status: os.stat_result) -> None:
        pass

    def shared(self, descriptor: int, path: bytes) -> None:
        pass

    def folder(self, descriptor: int, path: bytes) -> None:
        pass


EACH, NONE = _Each(), _None()


class Small:
    """Leaves some few small files and folders, and syncs all others at once (YN4)."""

    def __init__(self, out: Path, witness: Kept | None) -> None:
        """`witness` is the folder above `out`, open since before anything was written to it."""
        self._out, self._witness = os.fsencode(out), witness
        self._since = 0 if witness is None else witness.changed
        self._young: list[str] = []
        self._apart: list[str] = []
        self._size = 0  # [bytes] of what is left

    @property
    def left(self) -> Left:
        """Those that are not synced yet."""
        return Left(tuple(self._young), tuple(self._apart), self._size, self._witness)

    def file(self, descriptor: int, path: bytes, status: os.stat_result) -> None:
        """For a file of the tree alone."""
        left = self._apart if status.st_mtime_ns < self._since else self._young
        self._sync(left, descriptor, path, status.st_size)

    def shared(self, descriptor: int, path: bytes) -> None:
        """For a file that is part of another realization, too."""
        self._sync(self._apart, descriptor, path, 0)

    def folder(self, descriptor: int, path: bytes) -> None:
        """For a folder, after its files."""
        self._sync(self._young, descriptor, path, 0)

    def _sync(self, left: list[str], descriptor: int, path: bytes, size: int) -> None:
        whole = self._out + b"/" + path if path else self._out
        count = len(self._young) + len(self._apart)
        if count < _LEFT and self._size + size <= _SIZE and len(whole) < _LONGEST:
            self._size += size
            left.append(os.fsdecode(whole))
        else:
            os.fsync(descriptor)


class Many:
    """Notes the files, and syncs all of them at the end."""

    left = Left()

    def __init__(self, out: Path, witness: Kept | None) -> None:
        """`witness` is the folder above `out`, open since before anything was written to it."""
        self._out, self._witness = out, witness
        self._since = 0 if witness is None else witness.changed
        self._young: list[bytes] = []
        self._apart: list[bytes] = []
        self._folders: list[bytes] = []
        self._size = 0  # [bytes] of the young files in the memory of the kernel
        self._longest = os.pathconf(out, "PC_PATH_MAX") - len(os.fsencode(out)) - len("/\0")

    def file(self, descriptor: int, path: bytes, status: os.stat_result) -> None:
        """Notes a file."""
        if status.st_mtime_ns < self._since:
            self._note(self._apart, descriptor, path)
        else:
            self._note(self._young, descriptor, path)
            self._size += -(-status.st_size // _PAGE) * _PAGE

    def shared(self, descriptor: int, path: bytes) -> None:
        """Notes a file that gets an fsync of its own (YN3)."""
        self._note(self._apart, descriptor, path)

    def folder(self, descriptor: int, path: bytes) -> None:
        """Notes a folder."""
        self._note(self._folders, descriptor, path)

    def _note(self, paths: list[bytes], descriptor: int, path: bytes) -> None:
        if len(path) > self._longest:
            os.fsync(descriptor)  # it cannot be opened again by its path
        else:
            paths.append(path)

    def end(self) -> None:
        """Syncs all that was noted. Raises OSError."""
        if len(self._young) >= MANY and (sync := self._sync_at_once()):
            sync()
            _sync_each(self._out, self._apart)
        else:
            _sync_each(self._out, [*self._young, *self._apart, *self._folders])

    def _sync_at_once(self) -> Callable[[], None] | None:
        if self._witness is None:
            return None
        return _at_once(self._witness, self._out, len(self._young), self._size)


def sync_new(
    paths: Sequence[str], witness: Kept | None, size: int = 0, apart: Sequence[str] = ()
) -> None:
    """Syncs small files and folders that are younger than the open folder `witness`.

    Some of them have more than a page: `size` [bytes] together. Files that are `apart` get an fsync
    each. Raises OSError.
    """
    count, sync = len(paths), None
    if witness is not None and count >= _SOME:
        sync = _at_once(witness, paths[-1], count, count * _PAGE + size)
    if sync is None:
        disk.sync_all([*paths, *apart])
    else:
        sync()
        disk.sync_all(apart)


class _Saved:
    """What this process would have waited for in syncfs, had it not made fsyncs [bytes].

    What waits to be written includes what ext4 has in its journal, also of our own commits: it
    stays for half a minute after fsyncs, and a syncfs writes it. So a process that has made fsyncs
    for some time waits for that once, and each further syncfs finds little.
    """

    size: int = 0

    @classmethod
    def covers(cls, others: int, count: int) -> bool:
        """Whether a syncfs is worth it for so many files, where others have so many bytes."""
        if others <= _WORTH * count:
            return True
        if others <= cls.size:
            cls.size = 0
            return True
        cls.size = min(cls.size + _WORTH * count, _MOST_SAVED)
        return False


def _at_once(witness: Kept, place: Path | str, count: int, size: int) -> Callable[[], None] | None:
    """One call that syncs the file system, where it is as good as fsyncs (YN2), and quicker.

    `place` is among the `count` files and folders to be synced, which have `size` [bytes] in the
    memory of the kernel.
    """
    status = witness.status
    if status is None or status.st_dev != os.lstat(place).st_dev:
        return None
    # First the more frequent reason of the two, which is quicker to find.
    if not _Saved.covers(_dirty() - size, count) or not _tells_errors(witness.number):
        return None
    return _syncfs(witness.number)


def _sync_each(out: Path, paths: Iterable[bytes]) -> None:
    root = os.fsencode(out)
    in_threads.each((os.path.join(root, path) for path in paths), _sync, THREADS - 1)


def _sync(path: bytes) -> None:
    with Opened(path, os.O_RDONLY | os.O_NOFOLLOW) as descriptor:
        os.fsync(descriptor)


def _tells_errors(descriptor: int) -> bool:
    """Whether syncfs tells of every error on the file system of an open file."""
    system = os.uname()
    found = re.match(r"(\d+)\.(\d+)", system.release) if system.sysname == "Linux" else None
    if found is None or (int(found[1]), int(found[2])) < _TELLS:
        return False
    return mounts.kind_of(descriptor) in _KINDS


def _dirty() -> int:
    """How much waits to be written, of all file systems [bytes]."""
    text = disk.read_kernel("/proc/meminfo")
    found = re.findall(rb"^(?:Dirty|Writeback):\s*(\d+) kB", text, re.MULTILINE)
    return sum(map(int, found)) << 10


def _syncfs(descriptor: int) -> Callable[[], None] | None:
    """The call of syncfs(2); None where the C library has none."""
    call = _function()
    return None if call is None else partial(_called, call, descriptor)


@cache
def _function() -> Callable[[int], int] | None:
    import ctypes  # for its weight

    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


def _called(call: Callable[[int], int], descriptor: int) -> None:
    import ctypes  # for its weight

    if call(descriptor):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
