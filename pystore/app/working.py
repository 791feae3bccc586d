"""Working: the loop of a process that listens, and what it does when the database is away.

WK1  What fails outside, a database or a store that is away, stops no listener for good.
WK2  What its owner has changed, so that nothing can be read, is told and tried again.
"""

from __future__ import annotations

import os
import platform
import threading
import time
import warnings
from typing import Any, Protocol

from ..core.errors import PystoreWarning
from ..core.matchers import Matcher
from ..db.connections import Connections
from ..db.errors import BadDatabase, BadField, NoListener, NoPermission
from ..db.installation import Met
from ..db.port import Installation, Ledger, Port, Slot, Tracking
from ..db.source import Source
from ..db.waking import Wake
from ..db.write_back import WriteBack
from .answers import Predictor, said
from .filling import Filling
from .in_use import ModelsInUse
from .listened import AnsweringCode

_SWEEP = 60.0  # [s] between two looks for what no trigger has told
_FORGET = 20.0  # [s] between two looks for deleted rows
_BEAT = 1.0  # [s] between two signs of life
_MOST_PAUSE = 10.0  # [s] between two tries to reach a database that is away
_WAITS = (BadDatabase, BadField, NoPermission, OSError)  # what may be otherwise later
_SHARE = 20  # where there are no triggers, at most this part of the time goes into looking


class Declared(Protocol):
    """A listener as it was declared."""

    name: str
    port: Port
    ledger: Ledger
    tracking: Tracking
    database: Connections
    source: Source
    installation: Installation
    predictor: Predictor
    matcher: Matcher | None
    pin: str | None
    batch: int
    every: float
    wake: str
    channel: str | None
    back: WriteBack | None
    forgets: bool

    def reconcile(self) -> Met:
        """Looks for rows that no trigger has told; tells what it met."""


class Worker:
    """The work of a listener in this process."""

    def __init__(self, listener: Declared) -> None:
        self._listener, self._port = listener, listener.port
        self._failures: tuple[type[Exception], ...] = (*_WAITS, *listener.port.failures)
        self._ledger, self._tracking = listener.ledger, listener.tracking
        self._database = listener.database
        self._filling: Filling | None = None
        self._calls = self._rows = 0  # of earlier tries
        self._note: str | None = None
        self._trouble: str | None = None  # why it waits
        self._sweeps_every = _SWEEP
        self.met = Met()

    @property
    def note(self) -> str | None:
        """What keeps it from working, or from taking what is followed."""
        filling = self._filling
        return self._trouble or (self._note if filling is None else filling.note)

    @property
    def calls(self) -> int:
        """The rows that models were asked about."""
        return self._calls + (0 if self._filling is None else self._filling.in_use.calls)

    @property
    def rows(self) -> int:
        """The rows that were looked at since it began."""
        return self._rows + (0 if self._filling is None else self._filling.done)

    def is_settled(self) -> bool:
        """Whether nothing is to be done now, by any process."""
        filling = self._filling
        return (
            filling is not None
            and filling.in_use.is_current
            and not filling.is_waiting
            and not filling.is_rechecking
            and self._ledger.is_idle([*filling.in_use.states])
            and not filling.is_rechecking  # a row is written back after it is predicted
            and filling.in_use.is_current
        )

    # --- what goes wrong outside

    def run(self, stop: threading.Event, *, once: bool) -> None:
        """Works until `stop` is set, or until the listener is removed."""
        pause = 0.1
        while not stop.is_set():
            began = time.monotonic()
            try:
                if self._trouble is not None and not self._mended():
                    return
                self._trouble = None
                return self._work(stop, once=once)
            except self._failures as error:
                if once or not self._can_get_better(error):
                    raise
                self._wait_for(error)
                pause = 0.1 if time.monotonic() - began > _MOST_PAUSE else pause
                stop.wait(pause)
                pause = min(pause * 2, _MOST_PAUSE)

    def _wait_for(self, error: Exception) -> None:
        self._trouble = said(error)
        name = self._listener.name
        warnings.warn(
            f"the listener {name} waits for {self._database.name}: {self._trouble}",
            PystoreWarning,
            stacklevel=2,
        )
        self._database.drop_idle()

    def _mended(self) -> bool:
        """Makes again what is gone. Returns whether the listener is still recorded."""
        if self._ledger.was_removed():
            return False
        self._tell(self._listener.reconcile())
        return True

    def _can_get_better(self, error: Exception) -> bool:
        return isinstance(error, _WAITS) or self._port.can_get_better(error)

    def _tell(self, met: Met) -> None:
        self.met = met
        if met.notes:
            warnings.warn(
                f"the listener {self._listener.name} met: {met}", PystoreWarning, stacklevel=2
            )

    # --- the loop

    def _work(self, stop: threading.Event, *, once: bool) -> None:
        listener = self._listener
        slot = self._port.slot(listener.source.name)
        wake = listener.installation.wake(slot, listener.wake)
        follower = listener.predictor.follow(listener.matcher, listener.pin)
        answering = AnsweringCode(listener.predictor, listener.source.fields)
        use = ModelsInUse(
            self._ledger, listener.predictor, answering, follower, batch=listener.batch
        )
        filling = Filling(
            listener.installation,
            self._port.contents(listener.source),
            use,
            batch=listener.batch,
            owner=slot.number,
            channel=listener.channel,
            back=listener.back,
        )
        self._filling = filling
        try:
            self._free(slot.number)
            self._sweep(filling)
            self._loop(filling, slot, wake, stop, once=once)
            self._ledger.ended(_process())
        finally:
            self._note, self._filling = filling.note, None
            self._calls, self._rows = self._calls + use.calls, self._rows + filling.done
            filling.close()
            follower.close()
            wake.close()
            slot.close()

    def _loop(
        self, filling: Filling, slot: Slot, wake: Wake, stop: threading.Event, *, once: bool
    ) -> None:
        use, every = filling.in_use, self._listener.every
        turned = beaten = float("-inf")
        swept = forgot = time.monotonic()
        behind_since: float | None = time.time()
        told_since = behind_since  # what the last beat has told
        while not stop.is_set():
            now = time.monotonic()
            if use.is_due or now - turned >= every:
                if not use.turn():
                    return  # it was removed
                turned = now
            if filling.step():
                behind_since = behind_since or time.time()
                if now - beaten >= _BEAT:
                    self._beat(filling.note, slot, behind_since)
                    beaten, told_since = now, behind_since
                continue
            if once and not use.is_due and not filling.is_waiting and self._is_over(filling):
                return
            is_time = told_since is not None or now - beaten >= _BEAT
            if is_time and behind_since is not None and filling.is_complete:
                behind_since = None
            if now - beaten >= _BEAT or behind_since is None is not told_since:
                self._beat(filling.note, slot, behind_since)
                beaten, told_since = now, behind_since
            if now - swept >= self._sweeps_every:
                self._sweep(filling)
                swept = time.monotonic()
            if self._listener.forgets and now - forgot >= _FORGET:
                self._port.forget_deleted(self._listener.source.name)
                forgot = now
            if not filling.wait_for_contents(0.05):
                wake.wait(every, stop)

    def _is_over(self, filling: Filling) -> bool:
        """Whether all is done that can be. Raises NoListener when there is nothing to follow."""
        if filling.in_use.taken is None and filling.in_use.note is not None:
            raise NoListener(
                f"the listener {self._listener.name} has nothing to follow",
                because=filling.in_use.note,
                remedy="train first: realize(training)",
            )
        return filling.is_complete

    def _beat(self, note: str | None, slot: Slot, behind_since: float | None) -> None:
        """Shows that it lives, and frees what dead processes have claimed."""
        self._ledger.note(_process(), note, behind_since)
        with self._database.look() as connection:
            owners = self._tracking.owners(connection) | self._ledger.owners(connection)
        for number in slot.dead(sorted(owners)):
            self._free(number)

    def _free(self, owner: int) -> None:
        self._tracking.free(owner)
        self._ledger.free(owner)

    def _sweep(self, filling: Filling) -> None:
        """Looks for what no trigger has told."""
        began = time.monotonic()
        if self._listener.forgets:
            self._port.forget_deleted(self._listener.source.name)
        as_it_is = self._listener.installation.as_it_is()
        self._tell(self._listener.reconcile())
        filling.look_for_more(is_suspect=self.met.is_suspect, then=self._noted(as_it_is))
        if not self._listener.installation.has_triggers:
            took = time.monotonic() - began
            self._sweeps_every = min(_SWEEP, max(_BEAT, _SHARE * took))

    def _noted(self, as_it_is: str | None) -> Any:
        return lambda: self._listener.installation.note_looked(as_it_is)


def _process() -> str:
    return f"{platform.node()}:{os.getpid()}"
