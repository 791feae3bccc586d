"""Listening: every row of a collection has a prediction, by whatever realization is followed.

LS1  A listener that is declared touches nothing; it makes what it needs when it starts.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context

from ..core.errors import BadStage, PystoreWarning, TimedOut
from ..core.matchers import Matcher
from ..core.printable import counted
from ..core.refs import RRef, check_name
from ..core.resources import checked_seconds
from ..core.rules import as_called
from ..db.announcing import channel_of
from ..db.choose import port_of
from ..db.declared import Declared
from ..db.errors import BadDatabase, NoListener
from ..db.installation import Met
from ..db.register import Entry
from ..db.write_back import columns_of
from ..store.current import current_store
from ..store.remote.source import RemoteSource
from .answers import Predictor
from .fetching import Fetching
from .keeping import unpin
from .working import Worker

TELL = 10.0  # [s] after which who waits is told what for
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
        index: Sequence[str] = (),
        announce: bool = False,
        write_back: str | Mapping[str, str] | None = None,
    ) -> None:
        if on_delete not in (None, "forget"):
            raise BadStage(
                f"on_delete={on_delete!r} is not known",
                remedy="on_delete='forget': what was made of deleted rows goes, too",
            )
        if announce and not collection.database.is_postgres:
            raise BadStage(
                "only PostgreSQL can announce what is ready",
                database=collection.database.name,
                remedy="leave out announce=True, and read the view",
            )
        self.collection, self.predictor = collection, predictor
        self.name = check_name(name or predictor.name)
        self.fields = tuple(fields)
        self.matcher, self.pin = whom
        self.batch, self.every, self.wake = batch, every, wake
        self.readers = tuple(readers)
        self.forgets = on_delete == "forget"
        self.database = collection.database
        self.source = collection.source(*self.fields)
        way = "its own matcher" if self.matcher is None else as_called(self.matcher)
        follows = f"pin {self.pin}" if self.pin else way
        entry = Entry(
            collection.name,
            self.name,
            self.source.spec,
            predictor.name,
            follows,
            dict(predictor.outputs),
            columns_of(write_back),
        )
        self.channel = channel_of(collection.name, self.name) if announce else None
        self.port = port_of(self.database)
        self.installation = self.port.installation(
            entry,
            self.source,
            readers=readers,
            index=index,
            has_triggers=triggers,
            notify=wake == "notify",
        )
        made = self.installation
        self.ledger, self.tracking, self.views = made.ledger, made.tracking, made.views
        self.back = None if write_back is None else self.port.write_back(made, write_back)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.worker: Worker | None = None
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
        return None if self.worker is None else self.worker.note

    @property
    def calls(self) -> int:
        """The rows that models were asked about by this process."""
        return 0 if self.worker is None else self.worker.calls

    @property
    def is_running(self) -> bool:
        """Whether it works in a thread of this process."""
        return self._thread is not None and self._thread.is_alive()

    # --- in the database

    def install(self) -> None:
        """Makes what it needs in the database: tables of ours, triggers and views."""
        met = self.installation.install()
        if met.notes:
            warnings.warn(f"the listener {self.name} met: {met}", PystoreWarning, stacklevel=3)
        if self.back is not None:
            self.back.check()

    def reconcile(self) -> Met:
        """Looks for rows that no trigger has told; tells what it met."""
        return self.installation.reconcile()

    def check_can_restart(self) -> None:
        """Raises BadStage when another process would follow something else."""
        if self.database.is_private:
            raise BadDatabase(
                "a database in memory has no other processes",
                remedy="connect('sqlite:///data.db')",
            )
        named = self.port.snapshot_names()
        unnamed = [one for one in self.predictor.snapshots() if one not in named]
        if unnamed:
            raise BadStage(
                "a service cannot follow a training on a snapshot without a name",
                snapshot=unnamed[0],
                because="when it is started again, it would take another one, on which nobody has "
                "trained",
                remedy="name it: collection.snapshot(…, name='first')",
            )

    def statements(self, *, remove: bool = False) -> list[str]:
        """The SQL of what it makes in the database, or of what takes that away again."""
        made = self.installation
        return made.removal_statements() if remove else made.statements()

    def grants_to_make(self) -> list[str]:
        """The SQL that lets somebody read the views, where no readers were named."""
        return [] if self.readers else self.views.grants(["…"])

    # --- working

    def start(self) -> Listener:
        """Works from now on, in a thread of this process; returns itself."""
        if self.is_running:
            return self
        self.install()
        self._stop = threading.Event()
        here = copy_context()  # the current store of who starts it is that of its thread
        self._thread = threading.Thread(
            target=here.run,
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
        self.worker = Worker(self)
        self.worker.run(stop or threading.Event(), once=once)
        return self.failed_for_good()

    def fetching(
        self,
        url: str,
        trusted_keys: Sequence[str] | None,
        *,
        every: float,
        tell: Callable[[str], None],
    ) -> Fetching:
        """What asks a remote for what is followed, once in `every` [s]."""
        source = RemoteSource(url, trusted_keys, store=current_store())
        return Fetching(
            source, lambda: self.predictor.wanted(self.matcher, self.pin), every=every, tell=tell
        )

    # --- for its owner

    def wait(self, timeout: float | None = None) -> None:
        """Waits until nothing is due. Raises TimedOut after so long [s].

        Without a timeout it waits for ever, and tells now and then what for.
        """
        timeout = checked_seconds("timeout", timeout)
        end = None if timeout is None else time.monotonic() + timeout
        told_at = time.monotonic()
        pause, before = threading.Event(), self.installation.mark()
        while True:
            if self._error is not None:
                raise self._error
            if self.installation.has_seen(before) and self._is_settled():
                return
            if not self.is_running:
                raise NoListener(
                    f"the listener {self.name} has ended, or was removed",
                    remedy="listen again: collection.listen(…)",
                )
            if end is not None and time.monotonic() > end:
                raise TimedOut(
                    f"the listener {self.name} is still at work",
                    because=self.note,
                    remedy="wait longer; db.show() says what is left",
                )
            if end is None and time.monotonic() - told_at > TELL:
                self._tell_waiting()
                told_at = time.monotonic()
            pause.wait(0.005)

    def _tell_waiting(self) -> None:
        what = self.note or f"{counted(self.worker.rows if self.worker else 0, 'row')} done"
        warnings.warn(
            f"still waiting for the listener {self.name}: {what}; wait(timeout=…) gives up",
            PystoreWarning,
            stacklevel=5,
        )

    def _is_settled(self) -> bool:
        return self.worker is not None and self.worker.is_settled()

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
        self.installation.remove()
        unpin(self.ledger)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<listener {self.name} of {self.collection.name}>"
