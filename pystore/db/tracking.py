"""Tracking: which rows are work to do. Triggers note new rows; state says what is left.

TK1  Work is found by state, never by event: what no trigger has seen is found by `reconcile`.
TK3  A row that changes while it is worked on is work to do again: its stamp is another one.
TK2  Nobody who writes rows waits for a listener in a circle: a row that its writer has locked is
     left alone.
TK4  Where a field is declared as another kind than before, each row is work to do again; who goes
     by the declaration of before takes no row from then on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa

from .kinds import NotUtf8
from .postgresql_keys import array_of, sent
from .source import Pk, Source, among, behind
from .sql import filled, literal, statements

MOST_TRIES = 8
LEASE = 60.0  # [s] after which a claim of a process that hangs is free again
_SOME = 500  # rows in one statement
# Less than the second after which PostgreSQL looks for circles of waiting, and picks who fails.
PATIENCE = "300ms"


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


Outcome = tuple[bytes, Any | Failure]
"""A key with its prediction, a dict of outputs, or with what went wrong."""

NEVER = 1e18  # [s] the time of what is not tried again


class Mark(NamedTuple):
    """What is known of a claimed row."""

    claim: Claim
    key: bytes | None
    due: float
    tries: int
    error: str | None
    phase: str | None

    @classmethod
    def done(cls, claim: Claim, key: bytes) -> Mark:
        """It has a content with this key."""
        return cls(claim, key, 0.0, 0, None, None)

    @classmethod
    def idle(cls, claim: Claim) -> Mark:
        """It has no content, and is let be until it changes."""
        return cls(claim, None, NEVER, 0, None, None)

    @classmethod
    def failed(cls, claim: Claim, failure: Failure) -> Mark:
        """Its content cannot be read."""
        tries = claim.tries + 1
        due = due_again(tries, failure.is_final, time.time())
        return cls(claim, None, NEVER if due is None else due, tries, failure.error, failure.phase)


class Tracking:
    """The entries of a source in a table of ours, one for each row."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.database = source.database

    @cached_property
    def state(self) -> sa.Table:
        """The table of the entries."""
        types = [self._wide(kind) for kind in self.source.table.primary_key.values()]
        return self.database.tables.state(self.source.name, types)

    def _wide(self, kind: Any) -> Any:
        """The type for a part of a key, that goes on to fit when its owner makes it larger."""
        if not self.database.is_postgres:
            return kind
        if isinstance(kind, sa.Integer):
            return sa.BigInteger()
        if isinstance(kind, sa.Numeric):
            return sa.Numeric()
        is_limited = isinstance(kind, sa.VARCHAR) and kind.length is not None
        return sa.Text(collation=kind.collation) if is_limited else kind

    @cached_property
    def pks(self) -> list[Any]:
        """The columns of the primary key in the table of the entries."""
        return [one for one in self.state.c if re.fullmatch(r"pk\d+", one.name)]

    def forget(self) -> None:
        """Looks again at the next use: the table has another key."""
        self.source.forget()
        self.forget_state()

    def forget_state(self) -> None:
        """Makes the table of the entries anew from what is known of the key."""
        known = self.__dict__.pop("state", None)
        self.__dict__.pop("pks", None)
        self.__dict__.pop("_mark_text", None)
        self.__dict__.pop("_mark_words", None)
        if known is not None:
            known.metadata.remove(known)

    @property
    def channel(self) -> str:
        """The name of the notification of new rows."""
        return f"pystore_{self.source.name}".replace("'", "")[:63]

    def words(self) -> dict[str, str]:
        """What the words in statements stand for."""
        quote, source = self.database.quoted, self.source
        own = [quote(name) for name in source.table.primary_key]
        pks = [quote(column.name) for column in self.pks]
        pairs = list(zip(pks, own, strict=True))
        tables = self.database.tables
        return {
            "table": source.table.quoted,
            "state": quote(self.state.name, self.state.schema),
            "deleted": quote(tables.deleted.name, tables.deleted.schema),
            "stamp": "pystore.stamp",
            "source": literal(source.name),
            "pk": ", ".join(pks),
            "own_pk": ", ".join(own),
            "value_pk": ", ".join(f"v.{pk}" for pk in pks),
            "table_pk": ", ".join(f"t.{name}" for name in own),
            "new_pk": ", ".join(f"NEW.{name}" for name in own),
            "new_is_row": " AND ".join(f"NEW.{name} IS NOT NULL" for name in own),
            "table_is_row": " AND ".join(f"t.{name} IS NOT NULL" for name in own),
            "state_is_new": " AND ".join(f"{pk} = NEW.{name}" for pk, name in pairs),
            "state_is_old": " AND ".join(f"{pk} = OLD.{name}" for pk, name in pairs),
            "state_is_gone": " AND ".join(f"s.{pk} = g.{name}" for pk, name in pairs),
            "state_is_row": " AND ".join(f"s.{pk} = t.{name}" for pk, name in pairs),
            "state_is_value": " AND ".join(f"s.{pk} = v.{pk}" for pk in pks),
        }

    def reconcile(self, connection: sa.Connection) -> tuple[int, int]:
        """Gives each row its entry, and takes away the others: (added, removed). TK1."""
        known, words = statements(self.database.engine.dialect.name), self.words()
        added = run(connection, filled(known["add_missing"], words)).rowcount
        removed = run(connection, filled(known["drop_extra"], words)).rowcount
        return added, removed

    # --- as what the fields are declared

    def declare(self, connection: sa.Connection) -> str | None:
        """Records the kinds of the fields; returns those of before, if they were others (TK4)."""
        known, kinds = self.database.tables.sources, self.source.kinds
        before = self.declared(connection)
        if before == kinds:
            return None
        new = self.database.insert(known).values(source=self.source.name, kinds=kinds)
        index, changed = [known.c.source], {"kinds": new.excluded.kinds}
        connection.execute(new.on_conflict_do_update(index_elements=index, set_=changed))
        if before is not None:
            connection.execute(sa.update(self.state).values(**self._fresh()))
        return before

    def declared(self, connection: sa.Connection) -> str | None:
        """The kinds of the fields that are recorded."""
        known = self.database.tables.sources
        if not sa.inspect(connection).has_table(known.name, schema=known.schema):
            return None
        kinds = sa.select(known.c.kinds).where(known.c.source == self.source.name)
        return connection.execute(kinds).scalar_one_or_none()

    def undeclare(self, connection: sa.Connection) -> None:
        """Forgets the kinds of the fields."""
        if self.declared(connection) is not None:
            known = self.database.tables.sources
            mine = known.c.source.in_([self.source.name, self._looked_at])
            connection.execute(sa.delete(known).where(mine))

    @property
    def _looked_at(self) -> str:
        return f"{self.source.name} looked at"

    def looked(self, connection: sa.Connection) -> str | None:
        """What was noted in SQLite when all rows had been looked at."""
        known = self.database.tables.sources.c
        noted = sa.select(known.kinds).where(known.source == self._looked_at)
        return connection.execute(noted).scalar_one_or_none()

    def note_looked(self, connection: sa.Connection, what: str) -> None:
        """Notes in SQLite that all rows were looked at while the triggers were these."""
        known = self.database.tables.sources
        new = self.database.insert(known).values(source=self._looked_at, kinds=what)
        changed = {"kinds": new.excluded.kinds}
        connection.execute(new.on_conflict_do_update(index_elements=[known.c.source], set_=changed))

    @property
    def _is_as_declared(self) -> Any:
        known = self.database.tables.sources.c
        same = (known.source == self.source.name, known.kinds == self.source.kinds)
        return sa.exists(sa.select(known.source).where(*same))

    # --- claims

    def has_work(self, connection: sa.Connection) -> bool:
        """Whether a row is to be worked on now; costs no lock."""
        state = self.state
        undone = (state.c.key.is_(None), state.c.due <= time.time(), self._is_as_declared)
        return (
            connection.execute(sa.select(state.c.stamp).where(*undone).limit(1)).first() is not None
        )

    def claim(self, connection: sa.Connection, most: int, owner: int) -> list[Claim]:
        """At most so many rows without a key, which other processes leave alone from now on."""
        state, now = self.state, time.time()
        undone = (state.c.key.is_(None), state.c.due <= now, self._is_as_declared)
        wanted = sa.select(*self.pks).where(*undone).order_by(state.c.due).limit(most)
        if self.database.is_postgres:
            wanted = wanted.with_for_update(skip_locked=True)
        taken = (
            sa.update(state)
            .where(self._own_pk.in_(wanted))
            .values(due=now + LEASE, owner=owner)
            .returning(*self.pks, state.c.stamp, state.c.tries)
        )
        rows = connection.execute(taken).all()
        if not self.database.is_postgres:
            rows = self._with_keys(connection, rows)
        return [Claim(tuple(row[:-2]), row[-2], row[-1]) for row in rows]

    def _with_keys(self, connection: sa.Connection, rows: Sequence[Any]) -> list[Any]:
        """Those of claimed rows that can be asked for by their keys; the others have failed."""
        bad = [row[-2] for row in rows if any(isinstance(part, NotUtf8) for part in row[:-2])]
        if not bad:
            return [*rows]
        state = self.state
        told = {"error": "the key is a text that is no UTF-8", "phase": "decode"}
        failed = sa.update(state).where(state.c.stamp.in_(bad), state.c.key.is_(None))
        connection.execute(failed.values(due=NEVER, tries=1, owner=None, **told))
        return [row for row in rows if row[-2] not in bad]

    @property
    def _own_pk(self) -> Any:
        return self.pks[0] if len(self.pks) == 1 else sa.tuple_(*self.pks)

    def mark(self, connection: sa.Connection, marks: Sequence[Mark]) -> list[Mark]:
        """Notes what is known of rows that have not changed (TK3).

        Returns those that are to be marked again: the rows of writers who have not decided yet.
        """
        if not marks:
            return []
        told = self._marked(connection, sorted(marks, key=lambda mark: repr(mark.claim.pk)))
        return [] if told == len(marks) else self._unmarked(connection, marks)

    def _marked(self, connection: sa.Connection, marks: Sequence[Mark]) -> int:
        if not self.database.is_postgres:
            rows = [
                (m.key, m.due, m.tries, m.error, m.phase, *m.claim.pk, m.claim.stamp) for m in marks
            ]
            return int(connection.exec_driver_sql(self._mark_text, rows).rowcount)
        text = filled(statements("postgresql")["mark"], {**self.words(), **self._mark_words})
        bound: dict[str, Any] = {
            "stamps": [m.claim.stamp for m in marks],
            "keys": [m.key for m in marks],
            "dues": [m.due for m in marks],
            "tries": [m.tries for m in marks],
            "errors": [m.error for m in marks],
            "phases": [m.phase for m in marks],
        }
        for n, column in enumerate(self.pks):
            bound[column.name] = sent([m.claim.pk[n] for m in marks], column.type)
        return int(connection.exec_driver_sql(text, bound).rowcount)

    @cached_property
    def _mark_words(self) -> dict[str, str]:
        """How PostgreSQL takes the keys of marks: as arrays, and each value by its type."""
        arrays, typed, dialect = [], [], self.database.engine.dialect
        for column in self.pks:
            name, (array, one) = column.name, array_of(column.type, dialect)
            arrays.append(f"CAST(%({name})b AS {array})")
            typed.append(f"CAST({name} AS {one}) AS {name}")
        return {"pk_arrays": ", ".join(arrays), "typed_pk": ", ".join(typed)}

    @cached_property
    def _mark_text(self) -> str:
        """The statement of SQLite that marks a row."""
        bound = " AND ".join(f"{self.database.quoted(pk.name)} = ?" for pk in self.pks)
        return filled(statements("sqlite")["mark"], {**self.words(), "state_is_bound": bound})

    def _unmarked(self, connection: sa.Connection, marks: Sequence[Mark]) -> list[Mark]:
        """Those whose row is as it was when it was claimed, as far as others have told."""
        state, by_pk = self.state, {mark.claim.pk: mark for mark in marks}
        found = []
        for at in range(0, len(marks), _SOME):
            some = among(self.pks, [mark.claim.pk for mark in marks[at : at + _SOME]])
            query = sa.select(*self.pks, state.c.stamp).where(some, state.c.owner.is_not(None))
            for *pk, stamp in connection.execute(query):
                mark = by_pk[tuple(pk)]
                found += [mark] if mark.claim.stamp == stamp else []
        return found

    # --- what is done again

    def owners(self, connection: sa.Connection) -> set[int]:
        """The processes that have claims."""
        owner = self.state.c.owner
        query = sa.select(owner).where(self.state.c.key.is_(None), owner.is_not(None)).distinct()
        return set(connection.scalars(query))

    def free(self, owner: int) -> None:
        """Frees what a process that is gone had claimed."""
        state = self.state
        mine = (state.c.key.is_(None), state.c.owner == owner)
        with self.database.write() as connection:
            self._change(connection, mine, due=0.0, owner=None)

    def retry(self, connection: sa.Connection) -> int:
        """Makes failed rows work to do again."""
        failed = (self.state.c.error.is_not(None),)
        return self._change(connection, failed, due=0.0, tries=0, error=None, phase=None)

    def redo(self, connection: sa.Connection, pks: Sequence[Pk]) -> int:
        """Makes rows work to do again, whatever was known of them."""
        return sum(
            self._change(connection, [among(self.pks, pks[at : at + _SOME])], **self._fresh())
            for at in range(0, len(pks), _SOME)
        )

    def _fresh(self) -> dict[str, Any]:
        """What an entry holds that is work to do."""
        is_postgres = self.database.is_postgres
        stamp: Any = sa.func.nextval("pystore.stamp") if is_postgres else sa.func.random()
        empty = dict.fromkeys(("key", "error", "phase", "owner"))
        return {**empty, "due": 0.0, "tries": 0, "stamp": stamp}

    def pages(self, most: int) -> Iterator[list[tuple[Pk, bytes | None]]]:
        """Rows that have a key, or had no content, so many at a time, by their keys."""
        state, pks = self.state.c, self.pks
        is_idle = (state.due >= NEVER) & state.error.is_(None)
        query = sa.select(*pks, state.key).where(state.key.is_not(None) | is_idle).order_by(*pks)
        page = query
        while True:
            with self.database.read() as connection:
                rows = connection.execute(page.limit(most)).all()
            yield [(tuple(row[:-1]), row[-1]) for row in rows]
            if len(rows) < most:
                return
            page = query.where(behind(pks, tuple(rows[-1][:-1])))

    def _change(self, connection: sa.Connection, where: Iterable[Any], **values: Any) -> int:
        """Changes entries, but those that somebody has locked (TK2)."""
        if self.database.is_postgres:
            free = sa.select(*self.pks).where(*where).with_for_update(skip_locked=True)
            where = [self._own_pk.in_(free)]
        told = connection.execute(sa.update(self.state).where(*where).values(**values))
        return int(told.rowcount)

    def rows_of(self, connection: sa.Connection, keys: Sequence[bytes]) -> Mapping[bytes, Pk]:
        """One row for each of these keys that a row has."""
        key = self.state.c.key
        found: dict[bytes, Pk] = {}
        for at in range(0, len(keys), _SOME):
            query = sa.select(key, *self.pks).where(key.in_(list(keys[at : at + _SOME])))
            for row in connection.execute(query):
                found[bytes(row[0])] = tuple(row[1:])
        return found


def run(connection: sa.Connection, statement: str) -> Any:
    """Runs a statement that has no bound values."""
    return connection.execute(sa.text(statement.replace(":", r"\:")))
