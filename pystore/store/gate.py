"""The gate: a lock that keeps gc apart from processes that begin to use something (S9).

A process holds the gate shared around {write to its live file which realization it uses, check that
the realization is there}, and around each short write in `tmp/`. gc holds it exclusively around
{read the live files, rename away}.
"""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import ref

from ..core.errors import StoreBusy
from . import locks
from .descriptors import Kept

_passed: dict[int, tuple[int, int, ref[Kept]]] = {}  # thread, how, lock file


@contextmanager
def gate(path: Path, how: int) -> Iterator[bool]:
    """Holds the gate, shared or exclusive. Yields False where the store cannot be written.

    Raises StoreBusy where this very thread holds it and would wait for itself, as a signal handler
    in the middle of another call.
    """
    try:
        file = locks.open_shared(path)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        yield False
        return
    known = ref(file)
    try:
        _refuse_own(how)
        _passed[id(known)] = threading.get_ident(), how, known
        try:
            fcntl.flock(file.number, how)
        except OSError as error:
            if not locks.lacks_locks(error):
                raise
        yield os.access(os.path.dirname(os.path.dirname(path)) + "/tmp", os.W_OK)
    finally:
        _passed.pop(id(known), None)
        locks.unlock(file)


def _refuse_own(how: int) -> None:
    for key, (thread, held, known) in list(_passed.items()):
        file = known()
        if file is None or file.number < 0:
            _passed.pop(key, None)  # an interruption has left it
        elif thread == threading.get_ident() and fcntl.LOCK_EX in (how, held):
            raise StoreBusy(
                "this was called in the middle of another call of the same thread",
                remedy="let a signal handler set a flag, and do it when that call has returned",
            )
