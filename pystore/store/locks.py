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
from .descriptors import Kept, Opened
from .forked import forgotten_by_children

POLL = 0.02  # [s] between two looks at a lock that is held


class BuildLock:
    """The right to build one (derivation, context). Held by this object from `acquire` on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Kept | None = None

    @rights.explained
    def acquire(self, patience: float = 0.0) -> bool:
        """Whether we hold it now, after waiting for at most `patience` [s].

        Where the file system has no locks, everybody holds it: work may be done twice, and the
        rename decides.
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
        """Gives it up, if we hold it. A forked child has forgotten its parent's lock."""
        if self._file is not None:
            unlock(self._file)


def unlock(file: Kept) -> None:
    """Gives up a lock, even if a child that lives on has inherited it, and closes its file."""
    try:
        if file.status is not None:
            with suppress(OSError):  # closing it gives it up as well
                fcntl.flock(file.number, fcntl.LOCK_UN)
    finally:
        file.close()


def open_shared(path: Path) -> Kept:
    """A lock file, open to whoever may read it: locking needs no more. Raises PermissionError."""
    file = _open_shared(path)
    try:
        forgotten_by_children(file)
    except BaseException:
        file.close()
        raise
    return file


def _open_shared(path: Path) -> Kept:
    try:
        return rights.open_file(path, os.O_RDWR | os.O_NOFOLLOW)
    except PermissionError:
        if not path.is_file():
            raise  # it is the first of its name, and may not be made
    return Kept(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


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
    """A staging directory, marked as in use until the descriptor closes or we die.

    Raises BlockingIOError when another has claimed it. See `claim`.
    """
    folder = Kept(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        claim(folder.number, new=new)
    except BaseException:
        folder.close()
        raise
    return folder


def claim(opened: int, *, new: bool = False) -> None:
    """Marks an open staging directory or session file as in use.

    Raises BlockingIOError when another has. Who looks whether it is in use locks it for a moment:
    of a `new` one, which can be nobody else's, the end of such a look is waited for.
    """
    try:
        fcntl.flock(opened, fcntl.LOCK_EX if new else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if not lacks_locks(error):
            raise


def in_use(path: str | os.PathLike[str]) -> bool:
    """Whether a living process has claimed this staging directory or session file."""
    try:
        # What others have put there may be a fifo, or a link: not to wait, nor to go there.
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
            return True  # who cannot tell must not remove
