"""Version: whether anything in a store has changed, for the ETags of pages.

YV1  As soon as anything has changed that pages show, the version is another one: attempts, what
    they tell while they run, that a process died, realizations, verdicts, notes, tags, pins, and
    what other processes use.
YV2  While nothing changes, the version stays as it is, once the tick of the disk's clock is over.
"""

from collections.abc import Sequence
from secrets import token_hex
from typing import Any

from ...core.attempt import Attempt
from ...core.digest import short
from ...core.refs import DRef
from ...store.pins import pins
from ...store.store import Store
from ...store.users import users_of

_OPEN = {"running", "died"}


class Version:
    """A text for the state of a store. It is asked by one thread at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since: Any = None  # the token of the last look at changes
        self._process = token_hex(8)  # the next process may make other pages of the same store
        self._changes = 0
        self._unfinished: frozenset[DRef] = frozenset()  # derivations with such attempts

    def now(self) -> str:
        """Another text than before, if something has changed since."""
        found = self._store.changes(since=self._since)
        self._since = found.token
        self._changes += bool(found.drefs or found.anew)
        # That a process dies changes nothing on the disk, so these are looked at each time.
        tries = self._store.unfinished(self._unfinished | self._open(found.drefs))
        self._unfinished = frozenset(one.dref for one in tries)
        told = [
            (one.id, one.outcome, self._store.told(one).at, self._printed(one)) for one in tries
        ]
        state = (
            f"{self._process} {self._changes} {told} {pins(self._store)} {users_of(self._store)}"
        )
        return short("pystore page state 1", state.encode())

    def _open(self, drefs: Sequence[DRef]) -> set[DRef]:
        """Those of some derivations that have attempts without a record."""
        held = self._store.holdings(drefs)
        return {
            d for d, one in held.items() if one.attempts.count and _OPEN & {*one.attempts.outcomes}
        }

    def _printed(self, attempt: Attempt) -> int:
        """How much an attempt has printed [bytes]."""
        try:
            return self._store.beside(attempt, "log").lstat().st_size
        except FileNotFoundError:
            return 0
