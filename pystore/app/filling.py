"""Filling: one turn of a listener: new rows, then what is due again, then the rest for a new model.

LI1  A row has one prediction of the model that is shown, made once for its content.
LI2  Readers see a new model when it has each row; going back to an old one predicts nothing.
LI3  A bad row holds up no other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.refs import RRef
from ..db.contents import Contents, Ready
from ..db.errors import BadContent
from ..db.ledger import Ledger, Standing
from ..db.tracking import Claim, Failure, Tracking
from ..run.follow import Follower
from .answers import Answers, Predictor, said

TURN = 0.05  # [s] that one turn should take, so that a new row waits no longer
_MOST_CLAIMED = 5000
_MOST_LOST = 0.01  # the share of rows that a new model may fail on, and still take over


class Filling:
    """The work of one process of a listener."""

    def __init__(
        self,
        ledger: Ledger,
        contents: Contents,
        predictor: Predictor,
        follower: Follower,
        *,
        batch: int,
        owner: int,
    ) -> None:
        self._ledger, self._contents = ledger, contents
        self._predictor, self._follower = predictor, follower
        self._tracking: Tracking = ledger.tracking
        self._database = ledger.database
        self._batch, self._owner = batch, owner
        self._looking = threading.Lock()
        self._states: dict[int, Answers] = {}
        self._taken: tuple[RRef, str] | None = None  # what was followed last
        self._after: bytes | None = b""  # how far the target was filled; None: to the end
        self._size = batch
        self.standing = Standing(None, None, False)
        self.note: str | None = None  # why there is no target, or why it is not taken

    @property
    def calls(self) -> int:
        """The rows that models were asked about."""
        return self._calls + sum(one.calls for one in self._states.values())

    _calls = 0  # those of models that are no longer here

    @property
    def is_waiting(self) -> bool:
        """Whether something is still fetched."""
        return self._contents.is_waiting

    @property
    def is_current(self) -> bool:
        """Whether the last turn has taken what is followed now."""
        return self._taken is not None and self._look() == self._taken[0]

    @property
    def is_complete(self) -> bool:
        """Whether the target is shown, and nothing is to be done now."""
        return self._taken is not None and self._after is None and self._ledger.is_idle()

    # --- which model

    def turn(self) -> bool:
        """Takes what is followed now. Returns whether the listener is still recorded."""
        standing = self._ledger.standing()
        if standing is None:
            return False
        self.standing = standing
        rref = self._look()
        code = self._predictor.code()
        if rref is None:
            self.note = f"nothing to follow yet: {self._follower.why_not or self._follower}"
        elif (rref, code) != self._taken:
            self._take(rref, code)
        self._load_shown()
        return True

    def _look(self) -> RRef | None:
        with self._looking:  # who waits for the listener looks, too
            return self._follower.look()

    def _take(self, rref: RRef, code: str) -> None:
        try:
            state = self._predictor.load(rref)
        except Exception as error:  # whatever a loader raises: the last model goes on
            self.note = f"{rref} is not taken: {said(error)}"
            self._follower.refuse(rref, said(error))
            return
        self.standing = self._ledger.take(rref, code)
        assert self.standing.target is not None
        self._keep(self.standing.target, state)
        self._taken, self._after, self.note = (rref, code), b"", None

    def _load_shown(self) -> None:
        """Loads the model that is shown, where it is another one: new rows get both."""
        shown, target = self.standing.shown, self.standing.target
        for model in [one for one in self._states if one not in (shown, target)]:
            self._calls += self._states[model].calls
            self._states.pop(model).close()
        if shown is None or shown in self._states or self._taken is None:
            return
        rref, code = self._ledger.model(shown)
        if code != self._predictor.code():
            return  # the code that made these predictions is no longer here
        try:
            self._keep(shown, self._predictor.load(RRef(rref)))
        except Exception as error:  # it is gone, or does not load: the target goes on
            self.note = f"{rref} is shown, and cannot be loaded: {said(error)}"

    def _keep(self, model: int, state: Any) -> None:
        old = self._states.pop(model, None)
        if old is not None:
            self._calls += old.calls
            old.close()
        self._states[model] = Answers(state, self._predictor.outputs, self._batch)

    # --- one turn of the loop

    def step(self) -> bool:
        """Does a part of what is to do. Returns whether there was something."""
        started = time.monotonic()
        did = self._new() or (bool(self._states) and (self._due() or self._missing()))
        if did:
            self._fit(time.monotonic() - started)
        return did

    def _fit(self, took: float) -> None:
        factor = min(2.0, max(0.5, TURN / max(took, 1e-4)))
        self._size = int(min(_MOST_CLAIMED, max(self._batch, self._size * factor)))

    def _new(self) -> bool:
        """Gives new rows their keys and their predictions."""
        claims = self._tracking.claim(self._size, self._owner)
        self._contents.start(claims)
        ready = self._contents.ready()
        if ready:
            self._take_in(ready)
        return bool(claims or ready)

    def wait_for_contents(self, patience: float) -> bool:
        """Waits for something that is fetched. Returns whether something is."""
        if not self._contents.is_waiting:
            return False
        ready = self._contents.ready(patience)
        if ready:
            self._take_in(ready)
        return True

    def _take_in(self, ready: Sequence[Ready]) -> None:
        idle: list[Claim] = []
        failed: list[tuple[Claim, Failure]] = []
        keys: list[tuple[Claim, bytes]] = []
        stored: dict[bytes, Any] = {}
        for claim, found in ready:
            if found is None:
                idle.append(claim)
            elif isinstance(found, Failure):
                failed.append((claim, found))
            else:
                try:
                    key = self._tracking.source.key(found)
                except BadContent as error:
                    failed.append((claim, Failure("decode", said(error), is_final=True)))
                    continue
                keys.append((claim, key))
                stored[key] = found
        made = self._made(stored)
        with self._database.write() as connection:
            for model, values in made.items():
                self._ledger.put(connection, model, values)
            self._ledger.tell_others(connection, [*stored], {*self._states})
            self._tracking.mark(connection, keys, failed, idle)

    def _made(self, stored: Mapping[bytes, Any]) -> dict[int, list[tuple[bytes, Any]]]:
        """The predictions of each model for contents that it has none for."""
        made = {}
        for model in self._states:
            with self._database.read() as connection:
                there = self._ledger.there(connection, model, [*stored])
            new = {key: one for key, one in stored.items() if key not in there}
            made[model] = self._predicted(model, new)
        return made

    def _predicted(self, model: int, stored: Mapping[bytes, Any]) -> list[tuple[bytes, Any]]:
        values, keys, made = [], [], []
        for key, one in stored.items():
            if isinstance(one, Failure):
                made.append((key, one))
                continue
            try:
                values.append(self._tracking.source.value(one))
                keys.append(key)
            except Exception as error:  # a field's own function may raise anything
                made.append((key, Failure("decode", said(error), is_final=True)))
        return made + list(zip(keys, self._states[model].of(values), strict=True))

    def _due(self) -> bool:
        """Predicts what is due again, or what was left to be done."""
        for model in self._states:
            keys = self._ledger.claim_due(model, self._size, self._owner)
            if keys:
                self._fill(model, keys)
                return True
        return False

    def _missing(self) -> bool:
        """Predicts for rows that the target has not, and shows it when there are no more."""
        target = self.standing.target
        if self._after is None or target not in self._states:
            return False
        keys, after = self._ledger.claim_missing(target, self._after, self._size, self._owner)
        if keys:
            self._fill(target, keys)
        self._after = after
        if after is None:
            self._swap()
        return bool(keys)

    def _fill(self, model: int, keys: Sequence[bytes]) -> None:
        with self._database.read() as connection:
            rows = self._tracking.rows_of(connection, keys)
        stored = self._contents.of([*rows.values()])
        found = {key: stored[pk] for key, pk in rows.items() if pk in stored}
        made = self._predicted(model, found)
        with self._database.write() as connection:
            self._ledger.put(connection, model, made)
            self._ledger.drop(connection, model, [key for key in keys if key not in found])

    def _swap(self) -> None:
        done, lost = self._ledger.swap(self.standing, _MOST_LOST)
        if done:
            self.standing = Standing(self.standing.target, self.standing.target, True)
        elif lost and self._taken is not None:
            why = f"it fails on {lost:.1%} of what the shown model can predict"
            self.note = f"{self._taken[0]} is not taken: {why}"
            self._follower.refuse(self._taken[0], why)
            self._taken = None
        else:
            self._after = b""  # another process still works on some of it

    def sweep(self) -> None:
        """Looks for rows that no trigger has told, and fills what was left out."""
        self._tracking.reconcile()
        self._after = b""

    def close(self) -> None:
        """Lets go of all that is loaded."""
        for one in self._states.values():
            one.close()
        self._states.clear()
        self._contents.close()
