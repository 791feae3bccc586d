"""Locks: one builder per (derivation, context). They save work; correctness never needs them (S5).

A dead holder's lock is free at once, because the kernel holds it; a stopped holder's is not stolen.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import FileLock

POLL = 0.02  # [s] between two looks at a lock that is held


class BuildLock:
    """The right to build one (derivation, context). Held by this object from `acquire` on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: FileLock | None = None

    def acquire(self, patience: float = 0.0) -> bool:
        """Whether we hold it now, after waiting for at most `patience` [s].

        Where the file system has no locks, everybody holds it: work may be done twice, and the
        rename decides.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path, mode=0o666, fallback_to_soft=False)
        try:
            lock.acquire(timeout=patience, poll_interval=POLL)
        except Timeout:
            return False
        except OSError as error:
            if not lacks_locks(error):
                raise
        self._lock = lock
        return True

    def release(self) -> None:
        """Gives it up, if we hold it."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def lacks_locks(error: OSError) -> bool:
    """Whether this file system has no locks."""
    return error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def claim(folder: int) -> None:
    """Marks an open staging directory as in use, until the descriptor closes or we die."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if not lacks_locks(error):
            raise


def in_use(path: str | os.PathLike[str]) -> bool:
    """Whether a living process has claimed this staging directory or session file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
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
