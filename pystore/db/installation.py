"""Installation: what a listener makes in a database, how it is mended and taken away.

IS1  No trigger is made while its table is waited for: who writes waits a fifth of a second at most.
IS2  What was changed behind our back is told and mended: dropped tables and triggers, another key,
     rows that were restored while triggers were off.
IS3  What a role may not do is said with what to grant.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..core.dataclasses import dataclass
from ..core.printable import counted, listed
from .errors import BadDatabase, BadField, NoPermission
from .ledger import Ledger
from .postgresql_keys import key_types
from .slots import Slot
from .source import Source
from .sql import literal, statements
from .tracking import PATIENCE, Tracking, run
from .triggers import Triggers
from .views import Views, are_own
from .waking import Wake, wake_of

_LOCK = "200ms"  # that a trigger waits for its table, and that others wait for it
_TRIES = 60
_MOST_PAUSE = 2.0  # [s] between two tries


@dataclass(frozen=True)
class Met:
    """What `reconcile` has met: rows that no trigger has told, and what was changed by others."""

    added: int = 0
    removed: int = 0
    notes: tuple[str, ...] = ()
    is_rewritten: bool = False  # whether the table has other storage, as after a restore
    is_suspect: bool = False  # whether rows may have changed without a word

    def __str__(self) -> str:
        rows = [(self.added, "without an entry"), (self.removed, "gone without a word")]
        told = [f"{counted(count, 'row')} {what}" for count, what in rows if count]
        told_rewritten = (
            "the table was restored or rewritten, or its columns or triggers are others"
        )
        rewritten = [told_rewritten] if self.is_rewritten else []
        return "; ".join([*self.notes, *rewritten, *told]) or "nothing"


class Installation:
    """The tables, triggers and views of one listener."""

    def __init__(
        self, ledger: Ledger, views: Views, *, has_triggers: bool, notify: bool, tries: int = _TRIES
    ) -> None:
        self.ledger, self.views = ledger, views
        self.tracking: Tracking = ledger.tracking
        self.database = ledger.database
        self.has_triggers = has_triggers
        self.triggers = Triggers(self.tracking, notify=notify)
        self._tries = tries
        self._declared_before: str | None = None  # as what, where that was something else

    def mark(self) -> None:
        """Nothing: triggers have noted each change when its writer goes on."""

    def has_seen(self, mark: str | None) -> bool:
        """Whether the listener knows of all that was changed before a mark."""
        return True

    def wake(self, slot: Slot, how: str) -> Wake:
        """What waits for changes; "poll" takes no notifications of PostgreSQL."""
        return wake_of(slot, self.tracking.channel, how)

    def statements(self) -> list[str]:
        """The SQL that makes all of it."""
        triggers = [text for _, text in self.triggers.statements()] if self.has_triggers else []
        return [
            *self.database.tables.statements(self.database.engine.dialect, self.tracking.state),
            *triggers,
            *self.views.statements(),
            *self.views.index_statements(),
            *self.views.grants(),
        ]

    def removal_statements(self) -> list[str]:
        """The SQL that takes all of it away."""
        return [*self.views.removal_statements(), *self._removal_of_source()]

    def _removal_of_source(self) -> list[str]:
        own = self.tracking.state
        state = self.database.quoted(own.name, own.schema)
        return [*self.triggers.removal_statements(), f"DROP TABLE IF EXISTS {state}"]

    def install(self) -> Met:
        """Makes what is missing, and looks at each row."""
        self.tracking.forget()
        self._look_up()
        self._patiently(self._make)
        return self.reconcile()

    def _look_up(self) -> None:
        """Looks at the table. Who does so inside of a transaction takes another connection."""
        self.tracking.source.check()
        self.tracking.source.table.primary_key  # noqa: B018  (it is kept)

    def _make(self, connection: sa.Connection) -> None:
        self.database.tables.mend(connection)
        self.views.check_outputs()
        self.tracking.state.create(connection, checkfirst=True)
        self.ledger.register(connection)
        self._declared_before = self.tracking.declare(connection) or self._declared_before
        self.views.install(connection)
        if self.has_triggers:
            self._make_triggers(connection)  # last, since it locks the table

    def _make_triggers(self, connection: sa.Connection) -> None:
        try:
            self.triggers.install(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != "42501":
                raise
            table = self.tracking.source.table
            raise NoPermission(
                f"this role may make no triggers on {table.name}",
                database=self.database.name,
                because=str(error.orig).strip().splitlines()[0],
                remedy=f"GRANT SELECT, TRIGGER ON {table.quoted} TO {self.database.url.username}; "
                "or listener(…, triggers=False), which looks at each row again and again",
            ) from error

    def _patiently(self, do: Callable[[sa.Connection], None]) -> None:
        """Does something that locks the table, in a moment when nobody else has locked it (IS1)."""
        pause = 0.05
        for left in range(self._tries - 1, -1, -1):
            try:
                with self.database.write() as connection:
                    if self.database.is_postgres:
                        run(connection, f"SET LOCAL lock_timeout = '{_LOCK}'")
                    return do(connection)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in ("55P03", "40P01"):
                    raise
                if not left:
                    raise BadDatabase(
                        f"the table {self.tracking.source.table.name} is locked by somebody",
                        database=self.database.name,
                        remedy="end the transactions that are open for long: SELECT pid, "
                        "xact_start, query FROM pg_stat_activity ORDER BY xact_start",
                    ) from error
            time.sleep(pause)
            pause = min(2 * pause, _MOST_PAUSE)

    def remove(self) -> None:
        """Takes triggers, views and entries away; predictions stay."""
        self._patiently(self._remove)

    def _remove(self, connection: sa.Connection) -> None:
        recorded = self.ledger.recorded(connection)
        if recorded is not None:
            self.ledger.entry.check_same(recorded)
        views = self.views.removal_statements() if are_own(connection, self.views) else []
        for statement in views:
            run(connection, statement)
        if recorded is not None:
            self.ledger.remove(connection)
        if not self._has_others(connection):
            for statement in self._removal_of_source():
                run(connection, statement)
            self.tracking.undeclare(connection)

    def _has_others(self, connection: sa.Connection) -> bool:
        own = self.database.tables.listeners
        is_there = sa.inspect(connection).has_table(own.name, schema=own.schema)
        return is_there and bool(self.ledger.others(connection))

    # --- what others have changed

    def reconcile(self) -> Met:
        """Gives each row its entry, takes away the others, and mends what was changed (IS2).

        Raises BadDatabase and BadField when the table, its key or a listened column is not there.
        """
        self.tracking.source.forget()
        self._look_up()
        notes = [*self._as_declared(), *self._mended()]
        with self.database.write() as connection:
            if self.database.is_postgres:
                run(connection, f"SET LOCAL lock_timeout = '{PATIENCE}'")
            added, removed = self._rows(connection)
            noted, now = self._noted(connection), self._is(connection)
        is_rewritten = noted not in (None, now)
        is_suspect = bool(notes) or noted != now or not self.has_triggers
        return Met(added, removed, tuple(notes), is_rewritten, is_suspect)

    def _as_declared(self) -> Iterator[str]:
        before, self._declared_before = self._declared_before, None
        source = self.tracking.source
        if before is not None:
            yield declared_otherwise(source, before)
        with self.database.read() as connection:
            now = self.tracking.declared(connection)
        check_declared(source, now)

    def _rows(self, connection: sa.Connection) -> tuple[int, int]:
        try:
            with connection.begin_nested():
                return self.tracking.reconcile(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":
                raise
            return 0, 0  # somebody has locked a row: the next look finds it

    def _mended(self) -> Iterator[str]:
        table = self.tracking.source.table
        with self.database.read() as connection:
            gone = self._gone(connection)
        if gone:
            yield f"tables or views of ours were gone: {listed(gone)}"
            self._patiently(self._make)
        with self.database.read() as connection:
            other_key = self._other_key(connection)
            off = self.triggers.missing(connection) if self.has_triggers else []
        if other_key:
            yield f"the key of {table.name} has become {other_key}: each row gets a new entry"
            self._patiently(self._renew)
        if off:
            yield f"triggers of {table.name} were gone or switched off: {listed(off)}"
            self._patiently(self._make)

    def _gone(self, connection: sa.Connection) -> list[str]:
        """The tables and views of ours that are not there."""
        tables, looked = self.database.tables, sa.inspect(connection)
        schema = "pystore" if self.database.is_postgres else None
        there = {*looked.get_table_names(schema), *looked.get_view_names(schema)}
        wanted = [tables.meta.name, tables.models.name, tables.listeners.name]
        wanted += [tables.predictions.name, tables.deleted.name, tables.fetched.name]
        wanted += [tables.sources.name, self.tracking.state.name, *self.views.plain_names]
        return [name for name in wanted if name not in there]

    def _other_key(self, connection: sa.Connection) -> str:
        """The key of the table, where the entries are for another one; "" if they fit."""
        self.tracking.forget_state()
        own, looked = self.tracking.state, sa.inspect(connection)
        dialect = self.database.engine.dialect
        columns = looked.get_columns(own.name, own.schema)
        types = {one["name"]: one["type"] for one in columns if one["name"].startswith("pk")}
        if self.database.is_postgres:
            types = key_types(connection, self._state, types)
        there = [str(kind.compile(dialect)) for kind in types.values()]
        wanted = [str(column.type.compile(dialect)) for column in self.tracking.pks]
        key, seen = self.tracking.source.table.primary_key, self.views.plain_names[0]
        shown = [one["name"] for one in looked.get_columns(seen, own.schema)][: len(key)]
        if there == wanted and (shown == [*key] or not self.database.is_postgres):
            return ""
        return ", ".join(f"{name} {kind.compile(dialect)}" for name, kind in key.items())

    def _renew(self, connection: sa.Connection) -> None:
        """Makes the entries anew, for another key, and the views of all who listen to them."""
        views = [self.views, *(Views(one, self.tracking) for one in self.ledger.others(connection))]
        may_read = [one.may_read(connection) for one in views]
        own = self.tracking.state
        state = self.database.quoted(own.name, own.schema)
        drops = [text for one in views for text in one.removal_statements()]
        for statement in [*drops, f"DROP TABLE {state}"]:
            run(connection, statement)
        self.tracking.forget()
        self._make(connection)
        for one, roles in zip(views, may_read, strict=True):
            one.install(connection)
            one.let_read(connection, roles)

    # --- whether rows may have changed without a word

    def _is(self, connection: sa.Connection) -> str | None:
        if not self.database.is_postgres:
            return self.triggers.told(connection) if self.has_triggers else None
        query, source = sa.text(statements("postgresql")["table_is"]), self.tracking.source
        fields = [field.column or name for name, field in source.fields.items()]
        bound = {
            "table": source.table.quoted,
            "columns": [*source.table.primary_key, *fields],
            "triggers": self.triggers.pattern,
        }
        return str(connection.scalar(query, bound))

    def _noted(self, connection: sa.Connection) -> str | None:
        if not self.database.is_postgres:
            return self.tracking.looked(connection)
        query = sa.text(statements("postgresql")["noted"])
        noted = connection.scalar(query, {"state": self._state})
        return None if noted is None else str(noted)

    @property
    def _state(self) -> str:
        own = self.tracking.state
        return self.database.quoted(own.name, own.schema)

    def note_looked(self, what: str | None) -> None:
        """Notes that all rows were looked at; `what` is `as_it_is` before that began."""
        if what is not None:
            with self.database.write() as connection:
                if self.database.is_postgres:
                    run(connection, f"COMMENT ON TABLE {self._state} IS {literal(what)}")
                else:
                    self.tracking.note_looked(connection, what)

    def as_it_is(self) -> str | None:
        """Tells the table and its storage from others."""
        with self.database.read() as connection:
            return self._is(connection)


def declared_otherwise(source: Source, before: str) -> str:
    """What is told where the fields of a source were declared as other kinds."""
    names = listed(source.fields)
    return f"{names} of {source.table.name} was declared as {before}: each row is work to do again"


def check_declared(source: Source, kinds: str | None) -> None:
    """Raises BadField where a later declaration says other kinds of the fields."""
    if kinds not in (None, source.kinds):
        raise BadField(
            f"{listed(source.fields)} of {source.table.name} is declared as another kind by now",
            here=source.kinds,
            there=kinds,
            remedy="end this listener: the one that was started last goes by the other declaration",
        )
