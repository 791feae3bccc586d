"""Disk: reads and writes single files in the safe order.

DK1  A file appears under its name whole, or not at all.
DK2  With `durable`, it and its name are on the disk when the call returns.
"""

import errno
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..core.errors import Corrupted
from ..core.later import later
from .descriptors import Irregular, Name, Opened, open_file, open_sized

if TYPE_CHECKING:
    from . import in_threads
else:
    later(globals(), ".in_threads")

Sync = Callable[..., None]  # given paths of further files, syncs what it knows, and these

_CHUNK = 1 << 16
_SPAN = 1 << 24  # [bytes] that are copied in one call
_OPEN = 32  # files that are open at one time to be synced
_TO_SYNC = os.O_RDONLY | os.O_NOFOLLOW
_FOR_EACH = 2  # files that are synced for one more thread


def read(path: Name) -> bytes:
    """The bytes of a small file.

    Raises FileNotFoundError and other OSErrors, also where fewer bytes come than the file has;
    Corrupted where there is something that is no file.
    """
    try:
        file, size = open_sized(path)
        with file as descriptor:
            content = os.read(descriptor, size + 1)  # one more than there should be
            if len(content) < size:
                content += _rest(descriptor)
    except Irregular as error:
        raise Corrupted(str(error.strerror), path=path) from None
    if len(content) != size:
        raise OSError(errno.EIO, f"{len(content)} bytes were read of {size}", os.fsdecode(path))
    return content


def open_regular(path: Name) -> BinaryIO:
    """A file that a user named, open to be read. Raises OSError, also for all but plain files."""
    with open_file(path) as descriptor:
        return open(os.dup(descriptor), "rb")  # noqa: PTH123  # who calls closes it


def read_growing(path: Name) -> bytes:
    """The bytes of a file that others may append to meanwhile. Raises Irregular, OSError."""
    with open_file(path, follow=False) as descriptor:
        return _rest(descriptor)


def read_kernel(path: str) -> bytes:
    """The bytes of a file in /proc, which the kernel gives page by page."""
    with Opened(path, os.O_RDONLY) as descriptor:
        return _rest(descriptor)


def _rest(descriptor: int) -> bytes:
    chunks = []
    while chunk := os.read(descriptor, _CHUNK):
        chunks.append(chunk)
    return b"".join(chunks)


def write_new(path: str | Path, content: bytes, *, durable: bool, mode: int = 0o444) -> None:
    """Writes a file that must not exist yet. Raises FileExistsError when it does.

    The file is visible while it is written: use it in a staging directory, or under a random name.
    """
    with Opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600) as descriptor:
        write_all(descriptor, content)
        os.fchmod(descriptor, mode)
        if durable:
            os.fsync(descriptor)


def write_once(path: str, content: bytes, *, tmp: Path) -> None:
    """Puts a whole file where none must be yet (DK1), not synced. Raises FileExistsError."""
    staged = f"{tmp}/{fresh_name()}"
    try:
        write_new(staged, content, durable=False)
        os.link(staged, path)
    finally:
        remove_file(staged)


def write_all(descriptor: int, content: bytes) -> None:
    """Writes all of it: write(2) may take only a part."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def publish(
    path: str, content: bytes, *, tmp: Path, durable: bool, sync: Sync | None = None
) -> None:
    """Puts a file in its place by one rename, replacing what is there (DK1, DK2).

    `sync` syncs the file, and what must be on the disk before it has its name.
    """
    put(path, content, tmp=tmp, durable=durable, sync=sync)
    if durable:
        sync_directory(os.path.dirname(path))


def put(path: str, content: bytes, *, tmp: Path, durable: bool, sync: Sync | None = None) -> None:
    """As `publish`, but the next writer in this directory must sync it."""
    staged = f"{tmp}/{fresh_name()}"
    try:
        write_new(staged, content, durable=durable and sync is None)
        if sync is not None:
            sync(staged)
        os.rename(staged, path)
    except BaseException:
        remove_file(staged)
        raise


def remove_file(path: str | Path) -> None:
    """Makes sure that there is no file `path`."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def copy(source: int, target: int, name: bytes) -> None:
    """Copies one open file to another. Raises OSError where `name` is not read to its end."""
    copied = 0
    while sent := os.sendfile(target, source, None, _SPAN):
        copied += sent
    if copied != os.fstat(source).st_size:
        raise OSError(errno.EIO, "it was not read whole", os.fsdecode(name))


def sync_directory(path: str | Path) -> None:
    """Makes the names in a directory durable."""
    with Opened(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)


def sync_all(paths: Sequence[str]) -> None:
    """Puts these files and folders on the disk, quicker than one after the other. Raises OSError.

    The system begins to write all of them before the first one is waited for, so that one step of
    the journal of a file system takes several of them. Each fsync lets the disk flush its cache all
    the same: several threads wait for these flushes, which the system joins.
    """
    left = deque(paths)
    while left:
        opened = _open_some(left)
        for file in opened:
            _begin_writing(file.number)
        in_threads.each(opened, _sync_opened, len(opened) // _FOR_EACH)


def _sync_opened(file: Opened) -> None:
    with file as descriptor:
        os.fsync(descriptor)


def _open_some(left: deque[str]) -> list[Opened]:
    """Takes the first of these paths, and opens them; fewer where no more may be open."""
    opened = [Opened(left[0], _TO_SYNC)]
    left.popleft()
    while left and len(opened) < _OPEN:
        try:
            opened.append(Opened(left[0], _TO_SYNC))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            return opened
        left.popleft()
    return opened


def _begin_writing(descriptor: int) -> None:
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):  # a hint, which some file systems do not take
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def free(path: str | Path) -> int:
    """How much can still be written to this file system [bytes]."""
    system = os.statvfs(path)
    return system.f_bavail * system.f_frsize


def fresh_name() -> str:
    """A name that nobody else uses: 32 random hex digits."""
    return os.urandom(16).hex()
