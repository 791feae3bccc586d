"""In use: the models of a listener that are loaded: what it shows, and what it fills.

US1  What cannot be loaded or looked at stops no listener: the last model goes on, and a note says
     why. What the disk has refused is tried again, and nothing is passed over because of it.
"""

from __future__ import annotations

import errno
import threading
import time
from typing import Any

from ..core.errors import PystoreError
from ..core.refs import RRef
from ..db.port import Ledger
from ..db.register import Standing
from ..run.follow import Follower
from .answers import Answers, Predictor, said
from .keeping import Pins
from .listened import AnsweringCode

_LATER = 10.0  # [s] until a model that could not be loaded is tried again
# What a disk says that is full, or away for a while; no fault of the realization.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE)


class ModelsInUse:
    """Which models a process of a listener has loaded; `turn` looks what is followed now."""

    def __init__(
        self,
        ledger: Ledger,
        predictor: Predictor,
        answering: AnsweringCode,
        follower: Follower,
        *,
        batch: int,
    ) -> None:
        self._ledger, self._predictor, self._follower = ledger, predictor, follower
        self._answering, self._batch = answering, batch
        self._looking = threading.Lock()  # who waits for the listener looks, too
        self.pins = Pins(ledger)
        self._code: str | None = None
        self._failed: dict[int, float] = {}  # models that could not be loaded, and until when
        self._not_before = 0.0  # until when nothing is taken
        self._past_calls = 0  # of models that are no longer here
        self.states: dict[int, Answers] = {}
        self.taken: tuple[RRef, str] | None = None  # what was followed last
        self.is_due = True  # whether to look again at once
        self.takes = 0  # how often another one was taken
        self.standing = Standing(None, None, False)
        self.note: str | None = None  # why there is no target, or why it is not taken

    @property
    def calls(self) -> int:
        """The rows that models were asked about."""
        return self._past_calls + sum(one.calls for one in [*self.states.values()])

    @property
    def is_current(self) -> bool:
        """Whether the last turn has taken what is followed now."""
        return self.taken is not None and self._look() == self.taken[0]

    def turn(self) -> bool:
        """Takes what is followed now. Returns whether the listener is still recorded."""
        self.is_due = False
        standing = self._ledger.standing()
        if standing is None:
            return False
        self.standing = standing
        rref, code = self._look(), self._code_now()
        if rref is None:
            self.note = f"nothing to follow yet: {self._follower.why_not or self._follower}"
        elif (rref, code) != self.taken and time.monotonic() >= self._not_before:
            self._take(rref, code)
        self._load_shown(code)
        self.pins.move(self.standing)
        return True

    def _look(self) -> RRef | None:
        with self._looking:
            return self._follower.look()

    def _code_now(self) -> str:
        try:
            self._code = self._answering.digest()
        except PystoreError as error:  # its file was edited, and this process has the old one
            if self._code is None:
                raise
            self.note = f"the predictor is not looked at: {said(error)}"
        return self._code

    def _take(self, rref: RRef, code: str) -> None:
        try:
            state = self._predictor.load(rref)
        except Exception as error:  # whatever a loader raises: the last model goes on
            if isinstance(error, OSError) and error.errno in _PASSING:
                self.note = f"{rref} is not taken yet: {said(error)}"
                self._not_before = time.monotonic() + _LATER
            else:
                self.refuse(rref, said(error))
            return
        standing = self._ledger.take(rref, code)
        if standing is None or standing.target is None:  # the listener was removed
            state.close()
            return
        self.standing = standing
        self._keep(standing.target, state)
        self.taken, self.note = (rref, code), None
        self.takes += 1

    def refuse(self, rref: RRef, why: str) -> None:
        """Passes over a realization from now on."""
        self.note = f"{rref} is not taken: {why}"
        self._follower.refuse(rref, why)
        self.taken, self.is_due = None, True

    def _load_shown(self, code: str) -> None:
        """Loads the model that is shown, where it is another one: new rows get both."""
        shown, target = self.standing.shown, self.standing.target
        for model in [one for one in self.states if one not in (shown, target)]:
            self._let_go(model)
        if shown is None or shown in self.states or self.taken is None:
            return
        rref, code_then = self._ledger.model(shown)
        is_too_early = time.monotonic() < self._failed.get(shown, 0.0)
        if code_then != code or is_too_early:
            return  # the code that made these predictions is no longer here
        try:
            self._keep(shown, self._predictor.load(RRef(rref)))
        except Exception as error:  # it is gone, or does not load: the target goes on
            self._failed[shown] = time.monotonic() + _LATER
            self.note = f"{rref} is shown, and cannot be loaded: {said(error)}"

    def _keep(self, model: int, state: Any) -> None:
        self._let_go(model)
        self.states[model] = Answers(state, self._predictor.outputs, self._batch)

    def _let_go(self, model: int) -> None:
        old = self.states.pop(model, None)
        if old is not None:
            self._past_calls += old.calls
            old.close()

    def close(self) -> None:
        """Lets go of all that is loaded."""
        for model in [*self.states]:
            self._let_go(model)
