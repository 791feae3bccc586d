"""Listening: every row of a collection has a prediction, by whatever realization is followed.

LS1  What fails outside, a database or a store that is away, stops no listener for good.
LS2  A listener that is declared touches nothing; it makes what it needs when it starts.
"""

from __future__ import annotations

import contextvars
import os
import platform
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from ..core.errors import BadStage, PystoreWarning, TimedOut
from ..core.matchers import Matcher
from ..core.refs import RRef, check_name
from ..db.contents import Contents
from ..db.declared import Declared
from ..db.errors import BadDatabase, NoListener
from ..db.ledger import Entry, Ledger
from ..db.slots import Slot
from ..db.tracking import Tracking
from ..db.views import Views
from ..db.waking import wake_of
from ..store.remote.source import RemoteSource
from .answers import Predictor, said
from .fetching import Fetching
from .filling import Filling
from .snapshots import is_recorded

_SWEEP = 60.0  # [s] between two looks for what no trigger has told
_BEAT = 1.0  # [s] between two signs of life
_MOST_PAUSE = 10.0  # [s] between two tries to reach a database that is away
RUNNING: list[Listener] = []  # in this process


class Listener:
    """Keeps predictions beside the rows of a collection. `start` works in a thread of its own."""

    def __init__(
        self,
        collection: Declared,
        predictor: Predictor,
        whom: tuple[Matcher | None, str | None],
        fields: Sequence[str],
        *,
        name: str | None = None,
        batch: int = 100,
        every: float = 0.25,
        wake: str = "notify",
        triggers: bool = True,
        readers: Sequence[str] = (),
        on_delete: str | None = None,
    ) -> None:
        self.collection, self.predictor = collection, predictor
        self.name = check_name(name or predictor.name)
        self.fields = tuple(fields)
        self.matcher, self.pin = whom
        self.batch, self.every, self.wake = batch, every, wake
        self.triggers, self.readers = triggers, tuple(readers)
        self.forgets = on_delete == "forget"
        self.database = collection.database
        self.source = collection.source(*self.fields)
        self.tracking = Tracking(self.source)
        follows = f"pin {self.pin}" if self.pin else str(self.matcher or "its own matcher")
        entry = Entry(
            collection.name,
            self.name,
            ",".join(self.fields),
            predictor.name,
            follows,
            dict(predictor.outputs),
        )
        self.ledger = Ledger(entry, self.tracking)
        self.views = Views(entry, self.tracking)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._filling: Filling | None = None
        self._error: BaseException | None = None

    # --- what it is

    @property
    def rref(self) -> RRef | None:
        """The realization whose predictions readers see; None while there is none."""
        standing = self.ledger.standing()
        if standing is None or standing.shown is None:
            return None
        return RRef(self.ledger.model(standing.shown)[0])

    @property
    def note(self) -> str | None:
        """Why nothing is followed, or why what is followed is not taken; None if all is well."""
        return None if self._filling is None else self._filling.note

    @property
    def calls(self) -> int:
        """The rows that models were asked about by this process."""
        return 0 if self._filling is None else self._filling.calls

    @property
    def is_running(self) -> bool:
        """Whether it works in a thread of this process."""
        return self._thread is not None and self._thread.is_alive()

    # --- in the database

    def install(self) -> None:
        """Makes what it needs in the database: tables of ours, triggers and views."""
        self.source.table.forget()
        self.source.check()
        with self.database.write() as connection:
            self.database.tables.install(connection)
            if self.database.is_postgres:  # a trigger waits for writers, and writers for it
                connection.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
            notify = self.wake == "notify"
            self.tracking.install(connection, triggers=self.triggers, notify=notify)
            self.ledger.register(connection)
            for statement in self.views.statements():
                connection.execute(sa.text(statement.replace(":", r"\:")))
            for statement in self._grants():
                connection.execute(sa.text(statement))
        self.tracking.reconcile()

    def check_can_restart(self) -> None:
        """Raises BadStage when another process would follow something else."""
        if self.database.is_private:
            raise BadDatabase(
                "a database in memory has no other processes",
                remedy="connect('sqlite:///data.db')",
            )
        unnamed = [one for one in self.predictor.snapshots() if not is_recorded(self.database, one)]
        if unnamed:
            raise BadStage(
                "a service cannot follow a training on a snapshot without a name",
                snapshot=unnamed[0],
                because="when it is started again, it would take another one, on which nobody has "
                "trained",
                remedy="name it: collection.snapshot(…, name='first')",
            )

    def _grants(self) -> list[str]:
        if not self.database.is_postgres or not self.readers:
            return []
        roles = ", ".join(map(self.database.quoted, self.readers))
        views = ", ".join(self.views.names)
        return [f"GRANT USAGE ON SCHEMA pystore TO {roles}", f"GRANT SELECT ON {views} TO {roles}"]

    def statements(self, *, remove: bool = False) -> list[str]:
        """The SQL of what it makes in the database, or of what takes that away again."""
        if remove:
            return [*self.views.removal_statements(), *self.tracking.removal_statements()]
        notify = self.wake == "notify"
        triggers = self.tracking.trigger_statements(notify=notify) if self.triggers else ()
        return [
            *self.database.tables.statements(self.database.engine.dialect, self.tracking.state),
            *triggers,
            *self.views.statements(),
            *self._grants(),
        ]

    # --- working

    def start(self) -> Listener:
        """Works from now on, in a thread of this process; returns itself."""
        if self.is_running:
            return self
        self.install()
        self._stop = threading.Event()
        context = contextvars.copy_context()  # the store that is used here is used there, too
        self._thread = threading.Thread(
            target=context.run,
            args=(self._run_quietly,),
            name=f"pystore-listener-{self.name}",
            daemon=True,
        )
        RUNNING.append(self)
        self._thread.start()
        return self

    def _run_quietly(self) -> None:
        try:
            self.run(self._stop)
        except BaseException as error:
            self._error = error  # `wait` raises it, too
            raise

    def run(self, stop: threading.Event | None = None, *, once: bool = False) -> int:
        """Works until `stop` is set; with `once`, until nothing is due.

        Returns how many rows have failed for good. Raises what cannot get better by waiting.
        """
        stop = stop or threading.Event()
        pause = 0.1
        while not stop.is_set():
            try:
                self._work(stop, once=once)
                break
            except (sa.exc.DBAPIError, BadDatabase, OSError) as error:  # LS1
                if once or not self._can_wait(error):
                    raise
                warnings.warn(
                    f"the listener {self.name} waits for {self.database.name}: {said(error)}",
                    PystoreWarning,
                    stacklevel=2,
                )
                self.database.close()
                stop.wait(pause)
                pause = min(pause * 2, _MOST_PAUSE)
        return self.failed_for_good()

    @staticmethod
    def _can_wait(error: Exception) -> bool:
        """Whether it may get better: a connection that was lost, a file that is locked."""
        if isinstance(error, sa.exc.DBAPIError):
            is_locked = "locked" in str(error.orig)
            return bool(error.connection_invalidated) or is_locked or _is_outage(error)
        return isinstance(error, OSError) or "cannot be opened" in str(error)

    def _work(self, stop: threading.Event, *, once: bool) -> None:
        slot = Slot(self.database, self.source.name)
        wake = wake_of(self.database, self.tracking.channel, self.wake)
        follower = self.predictor.follow(self.matcher, self.pin)
        contents = Contents(self.source)
        filling = Filling(
            self.ledger,
            contents,
            self.predictor,
            follower,
            batch=self.batch,
            owner=slot.number,
        )
        self._filling = filling
        try:
            self._free(slot.number)
            self._loop(filling, slot, wake, stop, once=once)
            self.ledger.ended(_process())
        finally:
            filling.close()
            follower.close()
            wake.close()
            slot.close()

    def _loop(self, filling: Filling, slot: Slot, wake: Any, stop: Any, *, once: bool) -> None:
        process = _process()
        turned = beaten = float("-inf")
        swept = time.monotonic()
        behind_since: float | None = time.time()
        while not stop.is_set():
            now = time.monotonic()
            if now - turned >= self.every:
                if not filling.turn():
                    return  # it was removed
                turned = now
            if filling.step():
                behind_since = behind_since or time.time()
                if now - beaten >= _BEAT:
                    self.ledger.note(process, filling.note, behind_since)
                    beaten = now
                continue
            if once and not filling.is_waiting and filling.is_complete:
                return
            if once and filling.note is not None and not filling.is_waiting:
                raise NoListener(
                    f"the listener {self.name} has nothing to follow",
                    because=filling.note,
                    remedy="train first: realize(training)",
                )
            if behind_since is not None and filling.is_complete:
                behind_since, beaten = None, float("-inf")
            if now - beaten >= _BEAT:
                self.ledger.note(process, filling.note, behind_since)
                for number in slot.dead():
                    self._free(number)
                beaten = now
            if now - swept >= _SWEEP:
                filling.sweep()
                self._forget()
                swept = now
            if not filling.wait_for_contents(0.05):
                wake.wait(self.every, stop)

    def _free(self, owner: int) -> None:
        self.tracking.free(owner)
        self.ledger.free(owner)

    def _forget(self) -> None:
        if self.forgets:
            self.ledger.forget_deleted()

    def fetching(
        self, source: RemoteSource, *, every: float, tell: Callable[[str], None]
    ) -> Fetching:
        """What asks a remote for what is followed, once in `every` [s]."""
        return Fetching(
            source, lambda: self.predictor.wanted(self.matcher, self.pin), every=every, tell=tell
        )

    # --- for its owner

    def wait(self, timeout: float | None = None) -> None:
        """Waits until nothing is due. Raises TimedOut after so long [s]."""
        end = None if timeout is None else time.monotonic() + timeout
        pause = threading.Event()
        while True:
            if self._error is not None:
                raise self._error
            if self._is_settled():
                return
            if end is not None and time.monotonic() > end:
                raise TimedOut(
                    f"the listener {self.name} is still at work",
                    because=self.note,
                    remedy="wait longer; db.show() says what is left",
                )
            pause.wait(0.005)

    def _is_settled(self) -> bool:
        filling = self._filling
        return (
            filling is not None
            and filling.is_current
            and not filling.is_waiting
            and self.ledger.is_idle()
            and filling.is_current
        )

    def failed_for_good(self) -> int:
        """How many rows are not tried again until they change, or until `retry`."""
        return self.ledger.failed_for_good()

    def retry(self) -> int:
        """Tries again what has failed; returns how many rows and contents."""
        return self.ledger.retry()

    def stop(self) -> None:
        """Ends after the batch in hand."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self in RUNNING:
            RUNNING.remove(self)

    def remove(self) -> None:
        """Ends, and takes triggers, views and entries away; predictions stay until `db.gc()`."""
        self.stop()
        with self.database.write() as connection:
            for statement in self.views.removal_statements():
                connection.execute(sa.text(statement))
            self.ledger.remove(connection)
            if not self.ledger.has_others(connection):
                self.tracking.remove(connection)

    def __repr__(self) -> str:
        return f"<listener {self.name} of {self.collection.name}>"


def _process() -> str:
    return f"{platform.node()}:{os.getpid()}"


def _is_outage(error: sa.exc.DBAPIError) -> bool:
    """Whether the server is away, or ends: the classes 08 and 57 of SQLSTATE."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in ("08", "57", "53") or isinstance(error, sa.exc.OperationalError)
