"""Filling: one turn of a listener: new rows, then what is due again, then the rest for a new model.

FI1  A row has one prediction of the model that is shown, made once for its content.
FI2  Readers see a new model when it has each row; going back to an old one predicts nothing.
FI3  A bad row holds up no other.
FI4  What is predicted for a key was predicted from a content with that key, whatever its row has by
     now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..db.announcing import announce
from ..db.contents import Contents, Ready
from ..db.errors import BadContent
from ..db.ledger import Ledger, Made
from ..db.rechecking import Recheck
from ..db.register import Standing
from ..db.source import Pk
from ..db.tracking import Claim, Failure, Mark, Tracking
from ..db.write_back import WriteBack
from .answers import said
from .in_use import ModelsInUse

TURN = 0.05  # [s] that one turn should take, so that a new row waits no longer
_MOST_CLAIMED = 5000
_MOST_LOST = 0.01  # the share of rows that a new model may fail on, and still take over


class Filling:
    """The work of one process of a listener."""

    def __init__(
        self,
        ledger: Ledger,
        contents: Contents,
        in_use: ModelsInUse,
        *,
        batch: int,
        owner: int,
        channel: str | None = None,
        back: WriteBack | None = None,
    ) -> None:
        self._ledger, self._contents, self.in_use = ledger, contents, in_use
        self._tracking: Tracking = ledger.tracking
        self._database = ledger.database
        self._batch, self._owner = batch, owner
        self._channel = channel  # of announcements
        self._back = back
        self._after: bytes | None = b""  # how far the target was filled; None: to the end
        self._filled = 0  # the last take that was filled
        self._size = batch
        self._unmarked: list[Mark] = []  # rows whose writers have not decided yet
        self._recheck: Recheck | None = None
        self._then: Callable[[], None] = lambda: None
        self.done = 0  # rows that were marked

    @property
    def is_waiting(self) -> bool:
        """Whether something is still fetched."""
        return self._contents.is_waiting

    @property
    def note(self) -> str | None:
        """What keeps it from taking what is followed, or from writing back."""
        back = None if self._back is None else self._back.note
        return self.in_use.note or self.in_use.pins.note or back

    @property
    def is_complete(self) -> bool:
        """Whether the target is shown, and nothing is to be done now."""
        use = self.in_use
        is_filled = use.taken is not None and self._after is None and self._filled == use.takes
        is_looked_at = not self.is_rechecking and not self._unmarked
        return is_filled and is_looked_at and self._ledger.is_idle([*use.states])

    # --- one turn of the loop

    def step(self) -> bool:
        """Does a part of what is to do. Returns whether there was something."""
        started = time.monotonic()
        did = self._new() or (bool(self.in_use.states) and (self._due() or self._missing()))
        if did:
            self._fit(time.monotonic() - started)
        return did or self._look_again() or (self._back is not None and self._back.step())

    def _fit(self, took: float) -> None:
        factor = min(2.0, max(0.5, TURN / max(took, 1e-4)))
        self._size = int(min(_MOST_CLAIMED, max(self._batch, self._size * factor)))

    # --- new rows

    def _new(self) -> bool:
        """Gives new rows their keys and their predictions."""
        if self._unmarked:
            with self._database.work() as connection:
                self._unmarked = self._tracking.mark(connection, self._unmarked)
        claims, ready, there = self._claimed()
        if ready:
            self._take_in(ready, there)
        return bool(claims or ready)

    def _claimed(self) -> tuple[int, list[_Read], set[tuple[int, bytes]]]:
        """Claims rows and reads them: how many, those that are here, what is predicted of them."""
        self._contents.arrive()
        if self._contents.is_full:
            return 0, *self._read_in(None, ())
        if self._database.is_postgres:  # one transaction, which is short: nothing is predicted
            with self._database.work() as connection:
                claims = self._tracking.claim(connection, self._size, self._owner)
                return len(claims), *self._read_in(connection, claims)
        with self._database.look() as connection:  # it takes no lock, unlike a write
            has_work = self._tracking.has_work(connection)
        claims = []
        if has_work:
            with self._database.work() as connection:
                claims = self._tracking.claim(connection, self._size, self._owner)
        return len(claims), *self._read_in(None, claims)

    def _read_in(
        self, connection: sa.Connection | None, claims: Sequence[Claim]
    ) -> tuple[list[_Read], set[tuple[int, bytes]]]:
        if connection is None:
            if not claims and not self._contents.is_pending:
                return [], set()
            with self._database.read() as own:
                return self._read_in(own, claims)
        self._contents.start(connection, claims)
        ready = [self._read(one) for one in self._contents.ready()]
        keys = [key for _, key, _ in ready if isinstance(key, bytes)]
        there = self._ledger.there(connection, [*self.in_use.states], keys) if keys else set()
        return ready, there

    def _read(self, ready: Ready) -> _Read:
        """A row with the key of its content; None: it has none, or the row is gone."""
        claim, found = ready
        if found is None or isinstance(found, Failure):
            return claim, found, None
        try:
            return claim, self._tracking.source.key(found), found
        except BadContent as error:
            return claim, Failure("decode", said(error), is_final=True), None

    def wait_for_contents(self, patience: float) -> bool:
        """Waits for something that is fetched. Returns whether something is."""
        if not self._contents.is_waiting:
            return False
        self._contents.arrive(patience)
        ready, there = self._read_in(None, ())
        if ready:
            self._take_in(ready, there)
        return True

    def _take_in(self, ready: Sequence[_Read], there: set[tuple[int, bytes]]) -> None:
        """Predicts for rows, and notes their keys; both are seen at once."""
        stored = {key: found for _, key, found in ready if isinstance(key, bytes)}
        made = {
            model: self._predicted(
                model, {key: one for key, one in stored.items() if (model, key) not in there}
            )
            for model in self.in_use.states
        }
        marks = [_mark(claim, key) for claim, key, _ in ready]
        if self._back is not None:
            self._back.note_rows([mark.claim.pk for mark in marks])
        with self._database.work() as connection:
            others = self._ledger.needed(connection) - {*self.in_use.states}
            for model, values in made.items():
                self._ledger.put(connection, model, values)
            self._ledger.leave(connection, others, stored.keys())
            self._unmarked += self._tracking.mark(connection, marks)
            shown = self.in_use.standing.shown
            bad = {key for key, one in made.get(shown or 0, ()) if isinstance(one, Failure)}
            is_good = [m.claim.pk for m in marks if m.key is not None and m.key not in bad]
            self._announce(connection, is_good)
        self.done += len(marks)

    def _predicted(self, model: int, stored: Mapping[bytes, Any]) -> list[Made]:
        values, keys = [], []
        made: list[Made] = []
        for key, one in stored.items():
            try:
                values.append(self._tracking.source.value(one))
                keys.append(key)
            except Exception as error:  # a field's own function may raise anything
                made.append((key, Failure("decode", said(error), is_final=True)))
        return made + list(zip(keys, self.in_use.states[model].of(values), strict=True))

    def _announce(self, connection: sa.Connection, pks: Sequence[Pk] | None) -> None:
        if self._channel is not None:
            announce(connection, self._channel, pks)

    # --- what is due again, and the rest for a new model

    def _due(self) -> bool:
        """Predicts what is due again, or what was left to be done."""
        for model in self.in_use.states:
            keys = self._ledger.claim_due(model, self._size, self._owner)
            if keys:
                self._fill(model, keys)
                return True
        return False

    def _missing(self) -> bool:
        """Predicts for rows that the target has not, and shows it when there are no more."""
        use = self.in_use
        if self._filled != use.takes:
            self._filled, self._after = use.takes, b""
        target = use.standing.target
        if self._after is None or target not in use.states:
            return False
        keys, after = self._ledger.claim_missing(target, self._after, self._size, self._owner)
        if keys:
            self._fill(target, keys)
        self._after = after
        if after is None and (not use.standing.is_full or use.standing.shown != target):
            self._swap()
        return bool(keys) or after is not None

    def _fill(self, model: int, keys: Sequence[bytes]) -> None:
        found, gone = self._found(keys)
        made = self._predicted(model, found)
        with self._database.work() as connection:
            self._ledger.put(connection, model, made)
            self._ledger.drop(connection, model, [key for key in keys if key not in found])
            self._tracking.redo(connection, gone)
            if self._back is not None:
                self._back.note_keys(connection, keys)
            if self._channel is not None and model == self.in_use.standing.shown:
                good = [key for key, one in made if not isinstance(one, Failure)]
                self._announce(connection, [*self._tracking.rows_of(connection, good).values()])

    def _found(self, keys: Sequence[bytes]) -> tuple[dict[bytes, Any], list[Pk]]:
        """The contents with these keys, and rows whose content is no longer here."""
        with self._database.read() as connection:
            rows = self._tracking.rows_of(connection, keys)
        stored = self._contents.of([*rows.values()])
        found: dict[bytes, Any] = {}
        gone: list[Pk] = []
        for key, pk in rows.items():
            one = stored.get(pk)
            if isinstance(one, Failure):
                gone.append(pk)
            elif one is not None and self._has_key(one, key):
                found[key] = one
        return found, gone

    def _has_key(self, stored: Any, key: bytes) -> bool:
        """Whether a content has a key; its row may have changed since the key was noted (FI4)."""
        try:
            return self._tracking.source.key(stored) == key
        except BadContent:
            return False

    def _swap(self) -> None:
        use = self.in_use
        was_full = use.standing.is_full
        done, lost = self._ledger.swap(use.standing, _MOST_LOST)
        if done:
            use.standing = Standing(use.standing.target, use.standing.target, True)
            if self._back is not None:
                self._back.look_at_all()
            if self._channel is not None and not was_full:
                with self._database.write() as connection:
                    self._announce(connection, None)
        elif lost and use.taken is not None:
            rref, _ = use.taken
            use.refuse(rref, f"it fails on {lost:.1%} of what the shown model can predict")
        else:
            self._after = b""  # another process still works on some of it

    # --- what nobody has told

    def look_for_more(self, *, is_suspect: bool, then: Callable[[], None]) -> None:
        """Fills what was left out; with `is_suspect`, looks at the content of each row again.

        Calls `then` when that is over.
        """
        self._after = b""
        self._contents.refetch()
        if self._back is not None:
            self._back.look_at_all()
        if is_suspect and self._recheck is None:
            self._recheck, self._then = Recheck(self._tracking, self._contents), then

    @property
    def is_rechecking(self) -> bool:
        """Whether rows are still looked at again, or are left to be written back."""
        is_back = self._back is None or not self._back.is_pending
        return self._recheck is not None or not is_back

    def _look_again(self) -> bool:
        if self._recheck is None:
            return False
        self._recheck.step(max(self._batch, 500))
        if self._recheck.is_over:
            self._recheck = None
            self._then()
        return True

    def close(self) -> None:
        """Ends all fetching, and lets go of all that is loaded."""
        self.in_use.close()
        self._contents.close()


_Read = tuple[Claim, bytes | Failure | None, Any]
"""A claimed row, the key of its content, and the content."""


def _mark(claim: Claim, key: bytes | Failure | None) -> Mark:
    if key is None:
        return Mark.idle(claim)
    return Mark.failed(claim, key) if isinstance(key, Failure) else Mark.done(claim, key)
