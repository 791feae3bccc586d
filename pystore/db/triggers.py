"""Triggers: they note in a table of ours which rows of somebody's table are new or have changed.

TG1  No trigger makes a write of the table's owner fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from .fields import Field
from .sql import filled, literal, statements
from .tracking import Tracking, run

_IS_OTHER = "COLLATE BINARY IS NOT"  # whatever collation a column of SQLite has: NOCASE has A = a


class Triggers:
    """The triggers of one source, and their functions."""

    def __init__(self, tracking: Tracking, *, notify: bool) -> None:
        self.tracking = tracking
        self.database = tracking.database
        self._notify = notify

    def statements(self) -> Iterator[tuple[str, str]]:
        """The SQL that makes them: whether it is of a "function" or of a "trigger", and it."""
        known, words = statements(self.database.engine.dialect.name), self._words()
        notified = f"PERFORM pg_notify({literal(self.tracking.channel)}, '');"
        for event in self._events():
            named = {**words, **self._named(event), "notify": notified if self._notify else ""}
            if self.database.is_postgres:
                yield "function", filled(known[f"on_{event}"], named)
            yield "trigger", filled(known[f"{event}_trigger"], named)

    def removal_statements(self) -> Iterator[str]:
        """The SQL that takes them away."""
        known = statements(self.database.engine.dialect.name)
        for event in self._events():
            yield filled(known["drop_trigger"], self._named(event))

    def install(self, connection: sa.Connection) -> None:
        """Makes those that are missing, and the functions anew; on SQLite each trigger.

        A function is made without a lock on the table; a trigger waits for all who write to it.
        """
        is_there = self.database.is_postgres and not self.missing(connection)
        for statement in () if self.database.is_postgres else self.removal_statements():
            run(connection, statement)
        for kind, statement in self.statements():
            if kind == "function" or not is_there:
                run(connection, statement)

    def missing(self, connection: sa.Connection) -> list[str]:
        """The events whose trigger is not there, or was switched off."""
        table = self.tracking.source.table
        name = table.quoted if self.database.is_postgres else table.own_name
        query = sa.text(statements(self.database.engine.dialect.name)["triggers"])
        there = {name for name, how in connection.execute(query, {"table": name}) if how in "OA"}
        return [event for event in self._events() if self._name(event) not in there]

    def _events(self) -> tuple[str, ...]:
        some = ("insert", "update", "delete")
        return (*some, "truncate") if self.database.is_postgres else some

    def _name(self, event: str) -> str:
        return f"pystore_{self.tracking.source.name}_{event}"

    def _named(self, event: str) -> dict[str, str]:
        quoted, name = self.database.quoted, self.tracking.source.name
        function = quoted(f"{name}_{event}", "pystore") if self.database.is_postgres else ""
        return {"trigger": quoted(self._name(event)), "function": function}

    def _words(self) -> dict[str, str]:
        tracking, quote = self.tracking, self.database.quoted
        own = [quote(name) for name in tracking.source.table.primary_key]
        is_other = "IS DISTINCT FROM" if self.database.is_postgres else _IS_OTHER
        changed = [f"OLD.{name} {is_other} NEW.{name}" for name in own]
        differs = [self._differs(name) for name in tracking.source.fields]
        more = {"differs": " OR ".join(differs), "pk_differs": " OR ".join(changed)}
        return {**tracking.words(), **more}

    def _differs(self, name: str) -> str:
        """Whether an update changes what is stored for a field."""
        source = self.tracking.source
        field = source.fields[name]
        column = self.database.quoted(field.column or name)
        if self.database.is_postgres:
            kind = source.table.columns[field.column or name]
            old, new = (_told_on_postgres(f"{one}.{column}", field, kind) for one in ("OLD", "NEW"))
            return f"{old} IS DISTINCT FROM {new}"
        if not field.path:
            return f"OLD.{column} {_IS_OTHER} NEW.{column}"
        path = literal("$" + "".join(f'."{part}"' for part in field.path))
        told = []
        for function in ("json_extract", "json_type"):  # the first gives 1 for true
            old, new = (
                f"CASE WHEN json_valid({one}) THEN {function}({one}, {path}) END"
                for one in (f"OLD.{column}", f"NEW.{column}")
            )
            told.append(f"{old} IS NOT {new}")
        return " OR ".join(told)


def _told_on_postgres(column: str, field: Field, kind: Any) -> str:
    """What a column holds for a field, such that unequal values are told apart."""
    if field.path:
        path = ", ".join(map(literal, field.path))
        return f"({column} #> ARRAY[{path}])::text"  # which tells 1 from "1"
    if isinstance(kind, sa.JSON):  # json has no equality
        return f"{column}::text"
    if isinstance(kind, sa.String):  # citext, and some collations, take A for a
        return f'{column}::text COLLATE "C"'
    return column
