"""Installation: what a listener makes in MongoDB, how it is mended and taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from ...core.printable import listed
from ..errors import BadField
from ..installation import Met, check_declared, declared_otherwise
from ..register import Entry
from ..waking import Clock, Wake
from .ledger import DocumentLedger
from .source import DocumentSource
from .tracking import DocumentTracking
from .views import DocumentViews
from .waking import Changes, stream_of


class DocumentInstallation:
    """The collections and views of one listener, and the stream that tells it changes."""

    def __init__(
        self,
        entry: Entry,
        source: DocumentSource,
        *,
        readers: Sequence[str] = (),
        index: Sequence[str] = (),
        has_triggers: bool = True,
        notify: bool = True,
    ) -> None:
        if readers or index:
            raise BadField(
                "a listener in MongoDB takes no readers= and no index=",
                remedy="let a role find in the view: db.grantPrivilegesToRole(…); an index belongs "
                "to a collection, which its owner makes",
            )
        self.database = source.database
        self.tracking = DocumentTracking(source)
        self.ledger = DocumentLedger(entry, self.tracking)
        self.views = DocumentViews(self.ledger)
        self._wants_changes = has_triggers and notify
        self._changes: Changes | None = None
        self._began = 0  # looks at each document, and streams: each number is another state
        self._looked = 0
        self._declared_before: str | None = None  # as what, where that was something else

    @property
    def has_triggers(self) -> bool:
        """Whether a stream tells changes; else each document is looked at again and again."""
        return self._changes is not None

    def statements(self) -> NoReturn:
        """Raises BadDatabase: there is no SQL."""
        _ = self.database.engine
        raise AssertionError("unreachable")

    removal_statements = statements

    def install(self) -> Met:
        """Makes what is missing, and looks at each document."""
        with self.database.write():
            self.database.check()
            self.tracking.source.check()
            self._make()
        return self.reconcile()

    def _make(self) -> None:
        self.database.install()
        self.tracking.install()
        self.ledger.check_same()
        self.views.check_are_free()
        self.ledger.register()
        self._declared_before = self.tracking.declare() or self._declared_before
        self.views.install()

    def reconcile(self) -> Met:
        """Gives each document its entry, takes away the others, and mends what was changed."""
        self.tracking.source.check()
        with self.database.write():
            check_declared(self.tracking.source, self.tracking.declared())
            gone = [] if self.database.check() else ["meta"]
            gone += self.views.missing()
            if gone:
                self._make()
            added, removed = self.tracking.reconcile()
        notes: tuple[str, ...] = ()
        notes += (f"collections or views of ours were gone: {listed(gone)}",) if gone else ()
        before, self._declared_before = self._declared_before, None
        if before is not None:
            notes += (declared_otherwise(self.tracking.source, before),)
        is_suspect = not self.has_triggers or self._looked != self._began
        return Met(added, removed, notes, is_suspect=is_suspect)

    def remove(self) -> None:
        """Takes views and entries away; predictions stay."""
        with self.database.write():
            self.ledger.check_same()
            self.views.remove()
            self.ledger.remove()
            if self.ledger.is_alone():
                self.tracking.rows.drop()
                self.tracking.undeclare()

    # --- which changes are known

    def wake(self, slot: Any, how: str) -> Wake:
        """What waits for changes: a stream of them, or the clock where the server has none."""
        with self.database.read():
            stream = stream_of(self.tracking) if self._wants_changes and how == "notify" else None
        self._began += 1
        self._changes = None if stream is None else Changes(self.tracking, stream)
        return self._changes or Clock()

    def as_it_is(self) -> str:
        """The number of the state of which changes are told, or of the next look."""
        if not self.has_triggers:
            self._began += 1
        return str(self._began)

    def note_looked(self, what: str | None) -> None:
        """Notes that all documents were looked at; `what` is `as_it_is` before that began."""
        self._looked = int(what or 0)

    def mark(self) -> str:
        """Tells what was changed before from what is changed later."""
        return f"{self._began}:{'' if self._changes is None else self._changes.mark()}"

    def has_seen(self, mark: str | None) -> bool:
        """Whether the listener knows of all that was changed before a mark."""
        began, _, written = str(mark).partition(":")
        if self._changes is not None and written and int(began) == self._began:
            return self._changes.has_seen(written)
        return self._looked > int(began)
