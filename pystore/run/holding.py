"""Holding: the locks that one call holds. Each lock is noted before it is taken.

Ctrl-C may come right after a lock was taken, and the end of the call must release that lock.
"""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING
from weakref import ref

from ..core.errors import StoreBusy
from ..core.later import later

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ..core.attempt import Committed
    from ..core.context import Context
    from ..core.ports import Lock
    from ..core.refs import DRef
    from ..store.staging import Builder
    from . import interrupts
else:
    later(globals(), ".interrupts")  # most calls hold no lock

_Key = tuple[str, str, str]  # store, derivation, context


class Holding:
    """The right to build some derivations, for one call of one thread."""

    def __init__(self, store: Builder) -> None:
        self._store = store
        self._locks: dict[DRef, tuple[_Key, Lock]] = {}  # the locks that are held or being taken
        self._taken: set[DRef] = set()
        self._thread = threading.get_ident()
        known = ref(self)
        _calls[id(known)] = known

    def __contains__(self, dref: DRef) -> bool:
        return dref in self._taken

    def take(self, dref: DRef, context: Context, patience: float) -> bool:
        """Whether this call now holds the lock. It waits for at most `patience` [s]."""
        if dref in self._taken:
            return True
        key, lock = self._key(dref, context), self._store.lock(dref, context)
        self._locks[dref] = key, lock
        if not lock.acquire(patience):
            return False
        self._taken.add(dref)
        return True

    def refuse_own(self, dref: DRef, context: Context) -> None:
        """Raises StoreBusy if another call of this thread holds it: we would wait forever."""
        key = self._key(dref, context)
        for name, known in list(_calls.items()):
            call = known()
            if call is None:
                _calls.pop(name, None)
            elif call is not self and call._thread == self._thread and call._holds(key):
                raise StoreBusy(
                    "another call of this very thread is building this, and would never end",
                    dref=dref,
                    remedy="let a signal handler or a listener set a flag, and call when the "
                    "other call has returned",
                )

    def release(self, dref: DRef) -> None:
        """Releases the lock of a derivation, if this call holds it."""
        if dref in self._taken:
            self._locks[dref][1].release()
            self._taken.discard(dref)

    def end(self, running: list[tuple[DRef, Future[Committed]]]) -> None:
        """Releases all locks. The lock of a running attempt is released when the attempt ends."""
        locks, self._locks = self._locks, {}
        self._taken.clear()
        with interrupts.deferred() if locks else nullcontext():
            for dref, (_, lock) in locks.items():
                _release_after(lock, [future for name, future in running if name == dref])

    def _key(self, dref: DRef, context: Context) -> _Key:
        return self._store.id, dref, context.digest

    def _holds(self, key: _Key) -> bool:
        return any(self._locks[dref][0] == key for dref in list(self._taken))


_calls: dict[int, ref[Holding]] = {}


def _release_after(lock: Lock, running: list[Future[Committed]]) -> None:
    if not running:
        lock.release()

    def last(_: Future[Committed]) -> None:
        if all(future.done() for future in running):
            lock.release()

    for future in running:
        future.add_done_callback(last)
