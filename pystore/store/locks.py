"""Locks: one builder per (derivation, context). They save work; correctness never needs them (S5).

A dead holder's lock is free at once, because the kernel holds it; a stopped holder's is not stolen.
"""

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from . import rights
from .forked import forgotten_by_children

POLL = 0.02  # [s] between two looks at a lock that is held


class BuildLock:
    """The right to build one (derivation, context). Held by this object from `acquire` on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1

    @rights.explained
    def acquire(self, patience: float = 0.0) -> bool:
        """Whether we hold it now, after waiting for at most `patience` [s].

        Where the file system has no locks, everybody holds it: work may be done twice, and the
        rename decides.
        """
        end = time.monotonic() + patience
        self._file = open_shared(self.path)
        forgotten_by_children(self)
        try:
            while not _lock(self._file):
                if time.monotonic() >= end:
                    self.forget()
                    return False
                time.sleep(POLL)
        except BaseException:
            self.forget()
            raise
        return True

    def release(self) -> None:
        """Gives it up, if we hold it. A forked child has forgotten its parent's lock."""
        file, self._file = self._file, -1
        if file < 0:
            return
        try:
            release(file, os.getpid())
        finally:
            os.close(file)

    def forget(self) -> None:
        """Closes its file. Who else has that open, as the parent of a child, holds it still."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def release(file: int, pid: int) -> None:
    """Gives up the lock that process `pid` took, even if a child that lives on has inherited it."""
    if pid == os.getpid():
        with suppress(OSError):  # the caller closes the file, which gives it up as well
            fcntl.flock(file, fcntl.LOCK_UN)


def open_shared(path: Path) -> int:
    """A lock file, open to whoever may read it: locking needs no more. Raises PermissionError."""
    try:
        return rights.open_file(path, os.O_RDWR | os.O_NOFOLLOW)
    except PermissionError:
        if not path.is_file():
            raise  # it is the first of its name, and may not be made
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


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


def claim(folder: int, *, new: bool = False) -> None:
    """Marks an open staging directory as in use, until the descriptor closes or we die.

    Raises BlockingIOError when another has. Who looks whether it is in use locks it for a moment:
    of a `new` one, which can be nobody else's, the end of such a look is waited for.
    """
    try:
        fcntl.flock(folder, fcntl.LOCK_EX if new else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if not lacks_locks(error):
            raise


def in_use(path: str | os.PathLike[str]) -> bool:
    """Whether a living process has claimed this staging directory or session file."""
    try:
        # What others have put there may be a fifo: not to wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        if not lacks_locks(error):
            raise
        return True  # who cannot tell must not remove
    finally:
        os.close(descriptor)
