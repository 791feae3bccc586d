"""Triggers: they note in a table of ours which rows of somebody's table are new or have changed.

TG1  No trigger makes a write of the table's owner fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import sqlalchemy as sa
from blake3 import blake3

from .fields import Field
from .sql import filled, literal, statements
from .tracking import Tracking, run

_BEGIN = " BEGIN\n"
_MADE = re.compile(r" BEGIN /\* made \w+ \*/\n")
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
        """Makes those that are missing, and on PostgreSQL the functions anew.

        A function is made without a lock on the table; a trigger waits for all who write to it. In
        SQLite each trigger that is made tells itself from earlier ones: `told` says so.
        """
        missing, mark = self.missing(connection), f" BEGIN /* made {token_hex(8)} */\n"
        if self.database.is_postgres:
            for kind, statement in self.statements():
                if kind == "function" or missing:
                    run(connection, statement)
            return
        made = zip(self._events(), self.removal_statements(), self.statements(), strict=True)
        for event, removal, (_, statement) in made:
            if event in missing:
                run(connection, removal)
                run(connection, statement.replace(_BEGIN, mark, 1))

    def missing(self, connection: sa.Connection) -> list[str]:
        """The events whose trigger is not there, was switched off, or in SQLite reads otherwise."""
        there = self._there(connection)
        if self.database.is_postgres:
            return [one for one in self._events() if there.get(self._name(one), "D") not in "OA"]
        wanted = zip(self._events(), self.statements(), strict=True)
        return [
            event
            for event, (_, statement) in wanted
            if _plain(there.get(self._name(event), "")) != _plain(statement)
        ]

    def told(self, connection: sa.Connection) -> str:
        """Tells the triggers of SQLite from those that were here before."""
        texts = self._there(connection)
        return blake3(repr([texts.get(self._name(e)) for e in self._events()]).encode()).hexdigest()

    def _there(self, connection: sa.Connection) -> dict[str, str]:
        """The triggers on the table by their names: whether each is at work, or its text."""
        table = self.tracking.source.table
        name = table.quoted if self.database.is_postgres else table.own_name
        query = sa.text(statements(self.database.engine.dialect.name)["triggers"])
        found = connection.execute(query, {"table": name}).all()
        return {str(trigger): str(how) for trigger, how in found}

    def _events(self) -> tuple[str, ...]:
        some = ("insert", "update", "delete")
        return (*some, "truncate") if self.database.is_postgres else some

    def _name(self, event: str) -> str:
        return f"pystore_{self.tracking.source.name}_{event}"

    @property
    def pattern(self) -> str:
        """The names of the triggers, as LIKE compares them."""
        return re.sub(r"([%_\\])", r"\\\1", self._name("")) + "%"

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


def _plain(statement: str) -> str:
    """A trigger as SQLite tells it, without what tells it from earlier ones."""
    plain = statement.replace("CREATE TRIGGER IF NOT EXISTS", "CREATE TRIGGER", 1)
    plain = plain[max(0, plain.find("CREATE TRIGGER")) :]  # SQLite keeps no comment before it
    return _MADE.sub(_BEGIN, plain, count=1).strip().rstrip(";")


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
