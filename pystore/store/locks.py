"""Locks: one builder for each (derivation, context). They only save work (S5).

The kernel frees the lock of a process that dies at once. The lock of a stopped process is not
taken away.
"""

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from . import rights
from .descriptors import Kept, Opened
from .forked import forgotten_by_children

POLL = 0.02  # [s] between two looks at a lock that is held


class BuildLock:
    """The right to build one (derivation, context), from `acquire` to `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Kept | None = None

    @rights.explained
    def acquire(self, patience: float = 0.0) -> bool:
        """Whether we hold the lock now, after waiting for at most `patience` [s].

        Where the file system has no locks, everybody holds each lock: work may be done twice, and
        the rename decides.
        """
        end = time.monotonic() + patience
        file = open_shared(self.path)
        try:
            while not _lock(file.number):
                if time.monotonic() >= end:
                    return False
                time.sleep(POLL)
            self._file = file
            return True
        finally:
            if self._file is not file:
                file.close()

    def release(self) -> None:
        """Gives the lock up, if we hold it. A forked child has forgotten its parent's lock."""
        if self._file is not None:
            unlock(self._file)


def unlock(file: Kept) -> None:
    """Gives up a lock, even if a living child has inherited it, and closes its file."""
    try:
        if file.status is not None:
            with suppress(OSError):  # closing the file gives the lock up as well
                fcntl.flock(file.number, fcntl.LOCK_UN)
    finally:
        file.close()


def open_shared(path: Path) -> Kept:
    """A lock file, opened to be read where it cannot be written. Raises PermissionError."""
    try:
        file = rights.open_file(path, os.O_RDWR | os.O_NOFOLLOW)
    except PermissionError:
        if not path.is_file():
            raise  # there is no such file yet, and we may not make it
        file = Kept(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        forgotten_by_children(file)
    except BaseException:
        file.close()
        raise
    return file


def _lock(file: int) -> bool:
    from filelock import lock_descriptor

    try:
        return lock_descriptor(file, blocking=False)
    except OSError as error:
        if not lacks_locks(error):
            raise
        return True


def lacks_locks(error: OSError) -> bool:
    """Whether this file system has no locks."""
    return error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def claim_folder(path: str | os.PathLike[str], *, new: bool = False) -> Kept:
    """Opens a staging directory, and marks it as in use until it is closed or we die.

    Raises BlockingIOError when another process has claimed it. See `claim`.
    """
    folder = Kept(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        claim(folder.number, new=new)
    except BaseException:
        folder.close()
        raise
    return folder


def claim(opened: int, *, new: bool = False) -> None:
    """Marks an open staging directory or live file as in use.

    Raises BlockingIOError when another process has claimed it. `in_use` locks it for a moment: the
    claim of a `new` one, which nobody else can have claimed, waits for that.
    """
    try:
        fcntl.flock(opened, fcntl.LOCK_EX if new else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if not lacks_locks(error):
            raise


def in_use(path: str | os.PathLike[str]) -> bool:
    """Whether a living process has claimed this staging directory or live file."""
    try:
        # Others may have put a fifo or a link there: do not wait for it, and do not follow it.
        opened = Opened(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True  # somebody has a lease on it
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):  # a link, or a socket
            raise
        return False
    with opened as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        except OSError as error:
            if not lacks_locks(error):
                raise
            return True  # without locks nobody knows, so nobody may remove it
