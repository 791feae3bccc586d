"""Tracking: which rows are work to do. Triggers note new rows; state says what is left.

TK1  Work is found by state, never by event: what no trigger has seen is found by `reconcile`.
TK2  No trigger makes a write of the table's owner fail.
TK3  A row that changes while it is worked on is work to do again: its stamp is another one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa

from .source import Pk, Source, among
from .sql import statements

MOST_TRIES = 8
_LEASE = 60.0  # [s] after which a claim of a process that hangs is free again


class Claim(NamedTuple):
    """A row that this process works on: its key, its stamp, and how often it has failed."""

    pk: Pk
    stamp: int
    tries: int


class Failure(NamedTuple):
    """Why a row has no prediction, and in which phase: fetch, decode or predict."""

    phase: str
    error: str
    is_final: bool = False


def due_again(tries: int, is_final: bool, now: float) -> float | None:
    """When something that has failed is tried again; None: only when its owner says so."""
    return None if is_final or tries >= MOST_TRIES else now + min(2.0 ** (tries - 1), 3600.0)


NEVER = 1e18  # [s] the time of what is not tried again


class Tracking:
    """The entries of a source in a table of ours, one for each row."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.database = source.database

    @cached_property
    def state(self) -> sa.Table:
        """The table of the entries."""
        types = list(self.source.table.primary_key.values())
        return self.database.tables.state(self.source.name, types)

    @cached_property
    def pks(self) -> list[Any]:
        """The columns of the primary key in the table of the entries."""
        return [one for one in self.state.c if re.fullmatch(r"pk\d+", one.name)]

    # --- triggers

    def install(self, connection: sa.Connection, *, triggers: bool, notify: bool) -> None:
        """Makes the table of the entries and, on a table that may have them, the triggers."""
        self.state.create(connection, checkfirst=True)
        if triggers:
            for statement in self.trigger_statements(notify=notify):
                _run(connection, statement)

    def trigger_statements(self, *, notify: bool) -> Iterator[str]:
        """The SQL that makes the triggers."""
        known, words = statements(self.database.engine.dialect.name), self._words()
        for event in self._events():
            named = {**words, **self._trigger(event)}
            channel = f"PERFORM pg_notify('{self.channel}', '');" if notify else ""
            if self.database.is_postgres:
                yield _filled(known[f"on_{event}"], {**named, "notify": channel})
            yield _filled(known[f"{event}_trigger"], named)

    def removal_statements(self) -> Iterator[str]:
        """The SQL that takes the triggers and the entries away."""
        known = statements(self.database.engine.dialect.name)
        for event in self._events():
            yield _filled(known["drop_trigger"], self._trigger(event))
        yield f"DROP TABLE IF EXISTS {self._words()['state']}"

    def remove(self, connection: sa.Connection) -> None:
        """Takes the triggers and the entries away."""
        for statement in self.removal_statements():
            _run(connection, statement)

    @property
    def channel(self) -> str:
        """The name of the notification of new rows."""
        return f"pystore_{self.source.name}".replace("'", "")[:63]

    def _events(self) -> tuple[str, ...]:
        some = ("insert", "update", "delete")
        return (*some, "truncate") if self.database.is_postgres else some

    def _trigger(self, event: str) -> dict[str, str]:
        name = f"pystore_{self.source.name}_{event}"
        quoted = self.database.quoted
        function = quoted(f"{self.source.name}_{event}", "pystore") if self.state.schema else ""
        return {"trigger": quoted(name), "function": function}

    def _words(self) -> dict[str, str]:
        quote, source = self.database.quoted, self.source
        own = [quote(name) for name in source.table.primary_key]
        pks = [quote(column.name) for column in self.pks]
        pairs = list(zip(pks, own, strict=True))
        tables = self.database.tables
        words = {
            "table": source.table.quoted,
            "state": quote(self.state.name, self.state.schema),
            "deleted": quote(tables.deleted.name, tables.deleted.schema),
            "stamp": "pystore.stamp",
            "source": _text(source.name),
            "pk": ", ".join(pks),
            "own_pk": ", ".join(own),
            "table_pk": ", ".join(f"t.{name}" for name in own),
            "new_pk": ", ".join(f"NEW.{name}" for name in own),
            "state_is_new": " AND ".join(f"{pk} = NEW.{name}" for pk, name in pairs),
            "state_is_old": " AND ".join(f"{pk} = OLD.{name}" for pk, name in pairs),
            "state_is_gone": " AND ".join(f"s.{pk} = g.{name}" for pk, name in pairs),
            "state_is_row": " AND ".join(f"s.{pk} = t.{name}" for pk, name in pairs),
            "state_is_value": " AND ".join(f"s.{pk} = v.{pk}" for pk in pks),
        }
        differs = [self._differs(name) for name in source.fields]
        is_other = "IS DISTINCT FROM" if self.database.is_postgres else "IS NOT"
        changed = [f"OLD.{name} {is_other} NEW.{name}" for name in own]
        return {**words, "differs": " OR ".join(differs), "pk_differs": " OR ".join(changed)}

    def _differs(self, name: str) -> str:
        """Whether an update changes what is stored for a field."""
        field = self.source.fields[name]
        column = self.database.quoted(field.column or name)
        if self.database.is_postgres:
            if field.path:
                path = ", ".join(map(_text, field.path))
                old, new = (f"({one}.{column} #>> ARRAY[{path}])" for one in ("OLD", "NEW"))
            elif isinstance(self.source.table.columns[field.column or name], sa.JSON):
                old, new = f"OLD.{column}::text", f"NEW.{column}::text"  # json has no equality
            else:
                old, new = f"OLD.{column}", f"NEW.{column}"
            return f"{old} IS DISTINCT FROM {new}"
        if field.path:
            path = _text("$" + "".join(f'."{part}"' for part in field.path))
            whole = (f"{one}.{column}" for one in ("OLD", "NEW"))
            old, new = (
                f"CASE WHEN json_valid({one}) THEN json_extract({one}, {path}) END" for one in whole
            )
            return f"{old} IS NOT {new}"
        return f"OLD.{column} IS NOT NEW.{column}"

    def reconcile(self) -> tuple[int, int]:
        """Gives each row its entry, and takes away the others: (added, removed). TK1."""
        known, words = statements(self.database.engine.dialect.name), self._words()
        with self.database.write() as connection:
            added = _run(connection, _filled(known["add_missing"], words)).rowcount
            removed = _run(connection, _filled(known["drop_extra"], words)).rowcount
        return added, removed

    # --- claims

    def has_work(self, connection: sa.Connection) -> bool:
        """Whether a row is to be worked on now; costs no lock."""
        state = self.state
        undone = (state.c.key.is_(None), state.c.due <= time.time())
        return (
            connection.execute(sa.select(state.c.stamp).where(*undone).limit(1)).first() is not None
        )

    def claim(self, most: int, owner: int) -> list[Claim]:
        """At most so many rows without a key, which other processes leave alone from now on."""
        state, now = self.state, time.time()
        wanted = (
            sa.select(*self.pks)
            .where(state.c.key.is_(None), state.c.due <= now)
            .order_by(state.c.due)
            .limit(most)
        )
        if self.database.is_postgres:
            wanted = wanted.with_for_update(skip_locked=True)
        else:
            with self.database.read() as connection:  # a look takes no lock, unlike a write
                if not self.has_work(connection):
                    return []
        own = self.pks[0] if len(self.pks) == 1 else sa.tuple_(*self.pks)
        taken = (
            sa.update(state)
            .where(own.in_(wanted))
            .values(due=now + _LEASE, owner=owner)
            .returning(*self.pks, state.c.stamp, state.c.tries)
        )
        with self.database.write() as connection:
            rows = connection.execute(taken).all()
        return [Claim(tuple(row[:-2]), row[-2], row[-1]) for row in rows]

    def mark(
        self,
        connection: sa.Connection,
        keys: Sequence[tuple[Claim, bytes]],
        failures: Iterable[tuple[Claim, Failure]] = (),
        idle: Iterable[Claim] = (),
    ) -> None:
        """Gives rows their keys, notes what has failed, and lets rows without content be (TK3)."""
        if keys:
            self._mark_keys(connection, sorted(keys, key=lambda pair: repr(pair[0].pk)))
        now = time.time()
        rows = [
            {
                "due": again if again is not None else NEVER,
                "tries": claim.tries + 1,
                "error": failure.error,
                "phase": failure.phase,
                **self._where(claim),
            }
            for claim, failure in failures
            for again in [due_again(claim.tries + 1, failure.is_final, now)]
        ]
        rows += [
            {"due": NEVER, "tries": 0, "error": None, "phase": None, **self._where(claim)}
            for claim in idle
        ]
        if rows:
            values: dict[str, Any] = {
                key: sa.bindparam(f"v_{key}") for key in ("due", "tries", "error", "phase")
            }
            bound = [{k if k.startswith("w_") else f"v_{k}": v for k, v in r.items()} for r in rows]
            connection.execute(self._at().values(owner=None, **values), bound)

    def _mark_keys(self, connection: sa.Connection, keys: Sequence[tuple[Claim, bytes]]) -> None:
        if not self.database.is_postgres or len(keys) == 1:
            each = [{**self._where(claim), "v_key": key} for claim, key in keys]
            values: dict[str, Any] = {
                "key": sa.bindparam("v_key"),
                "error": None,
                "phase": None,
                "owner": None,
            }
            connection.execute(self._at().values(**values), each)
            return
        dialect = self.database.engine.dialect
        kinds = [column.type.compile(dialect) for column in self.pks]
        arrays = [f"CAST(:pk{n} AS {kind}[])" for n, kind in enumerate(kinds)]
        text = statements("postgresql")["mark_keys"]
        filled = _filled(text, {**self._words(), "pk_arrays": ", ".join(arrays)})
        bound: dict[str, Any] = {
            f"pk{n}": [claim.pk[n] for claim, _ in keys] for n in range(len(kinds))
        }
        more: dict[str, Any] = {
            "stamps": [claim.stamp for claim, _ in keys],
            "keys": [key for _, key in keys],
        }
        connection.execute(sa.text(filled), {**bound, **more})

    def _at(self) -> Any:
        """An update of the entry of a claim, if the row has not changed since."""
        wheres = [column == sa.bindparam(f"w_{column.name}") for column in self.pks]
        stamp = self.state.c.stamp == sa.bindparam("w_stamp")
        return sa.update(self.state).where(*wheres, stamp)

    def _where(self, claim: Claim) -> dict[str, Any]:
        named = {f"w_pk{n}": value for n, value in enumerate(claim.pk)}
        return {**named, "w_stamp": claim.stamp}

    def free(self, owner: int) -> None:
        """Frees what a process that is gone had claimed."""
        state = self.state
        mine = (state.c.key.is_(None), state.c.owner == owner)
        with self.database.write() as connection:
            connection.execute(sa.update(state).where(*mine).values(due=0.0, owner=None))

    def retry(self, connection: sa.Connection, pks: Sequence[Pk] | None = None) -> int:
        """Makes failed rows work to do again; all of them by default."""
        state = self.state
        failed = [state.c.error.is_not(None)] + ([among(self.pks, pks)] if pks is not None else [])
        again = sa.update(state).where(*failed).values(due=0.0, tries=0, error=None, phase=None)
        return connection.execute(again).rowcount

    def rows_of(self, connection: sa.Connection, keys: Sequence[bytes]) -> Mapping[bytes, Pk]:
        """One row for each of these keys that a row has."""
        key = self.state.c.key
        found: dict[bytes, Pk] = {}
        for at in range(0, len(keys), 500):
            query = sa.select(key, *self.pks).where(key.in_(list(keys[at : at + 500])))
            for row in connection.execute(query):
                found[bytes(row[0])] = tuple(row[1:])
        return found


def _run(connection: sa.Connection, statement: str) -> Any:
    return connection.execute(sa.text(statement.replace(":", r"\:")))


def _filled(statement: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: words[found[1]], statement)


def _text(text: str) -> str:
    """A text as SQL takes it, in a statement that cannot have bound values."""
    return "'" + text.replace("'", "''") + "'"
