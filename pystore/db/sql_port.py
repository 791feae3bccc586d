"""SQL port: how the other rooms reach SQLite and PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from .connections import Connections
from .contents import Contents
from .declared import Declared
from .deleted_rows import forget_deleted
from .errors import NoListener
from .installation import Installation
from .kept_files import KeptFiles
from .ledger import Ledger
from .outputs import listened
from .register import Entry
from .slots import Slot
from .source import Pk, Source, among
from .tracking import Tracking
from .views import Views
from .write_back import WriteBack


class SqlPort:
    """The port of a database that SQLAlchemy opens."""

    failures: tuple[type[Exception], ...] = (sa.exc.DBAPIError,)

    def __init__(self, database: Connections) -> None:
        self.database = database

    def can_get_better(self, error: Exception) -> bool:
        """Whether it may by waiting: a connection that was lost, a file that is locked or away, a
        table or a right that is gone."""
        assert isinstance(error, sa.exc.DBAPIError)
        state = getattr(error.orig, "sqlstate", None) or ""
        is_away = state[:2] in ("08", "53", "55", "57", "40")
        is_gone = state in ("42P01", "42703", "3F000")
        is_gone |= any(one in str(error.orig) for one in ("no such table", "no such column"))
        is_operational = isinstance(error, sa.exc.OperationalError)
        return bool(error.connection_invalidated) or is_away or is_gone or is_operational

    # --- listeners

    def installation(self, entry: Entry, source: Source, **how: Any) -> Installation:
        """The tables, triggers and views of a listener."""
        tracking = Tracking(source)
        views = Views(entry, tracking, readers=how.pop("readers"), index=how.pop("index"))
        return Installation(Ledger(entry, tracking), views, **how)

    def write_back(self, made: Installation, given: str | Mapping[str, str]) -> WriteBack:
        """What writes predictions into columns of the table itself."""
        return WriteBack(made.ledger, given)

    def contents(self, source: Source) -> Contents:
        """What gives claimed rows their contents."""
        return Contents(source, self.files(source), Tracking(source).redo)

    def files(self, source: Source) -> KeptFiles:
        """What was fetched for a source."""
        return KeptFiles(source)

    def slot(self, source: str) -> Slot:
        """A number that no living process of a source has."""
        return Slot(self.database, source)

    def forget_deleted(self, source: str) -> int:
        """Removes what was made of the deleted rows of a source."""
        return forget_deleted(self.database, source)

    # --- snapshots

    def snapshot(self, collection: str, name: str) -> dict[str, Any] | None:
        """What is recorded of a snapshot under a name."""
        known = self.database.tables.snapshots
        with self.database.read() as connection:
            if not self.database.tables.check(connection):
                return None
            mine = (known.c.collection == collection, known.c.name == name)
            return connection.execute(sa.select(known.c.config).where(*mine)).scalar_one_or_none()

    def record_snapshot(
        self, collection: str, name: str, told: Mapping[str, Any], *, retake: bool
    ) -> dict[str, Any]:
        """Records a snapshot under a name; returns what has the name now.

        Another process may have taken it meanwhile: then what it has taken has the name.
        """
        known = self.database.tables.snapshots
        values = {**told, "taken": time.time()}
        new = self.database.insert(known).values(collection=collection, name=name, **values)
        index = [known.c.collection, known.c.name]
        with self.database.write() as connection:
            self.database.tables.install(connection)
            if retake:
                new = new.on_conflict_do_update(index_elements=index, set_=values)
            else:
                new = new.on_conflict_do_nothing(index_elements=index)
            connection.execute(new)
            mine = (known.c.collection == collection, known.c.name == name)
            return dict(connection.execute(sa.select(known.c.config).where(*mine)).scalar_one())

    def snapshot_names(self) -> dict[str, str]:
        """The names of the recorded snapshots, by their derivations."""
        known = self.database.tables.snapshots.c
        with self.database.read() as connection:
            if not self.database.tables.check(connection):
                return {}
            found = connection.execute(sa.select(known.dref, known.name)).all()
        return {row.dref: row.name for row in found}

    # --- lineage, and forgetting

    def shown(self, collection: Declared, pk: Pk, listener: str) -> tuple[Any, Any, Any]:
        """What is recorded of a listener, of a row, and of the prediction that is shown for it."""
        tables = self.database.tables
        own, made, models = tables.listeners, tables.predictions, tables.models
        with self.database.read() as connection:
            mine = sa.select(own).where(own.c.collection == collection.name, own.c.name == listener)
            is_there = tables.check(connection)
            row = connection.execute(mine).mappings().first() if is_there else None
        if row is None:
            return None, None, None
        tracking = Tracking(listened_as(collection, row["field"], listener))
        where = [column == value for column, value in zip(tracking.pks, pk, strict=True)]
        of_row = sa.select(tracking.state).where(*where)
        with self.database.read() as connection:
            entry = connection.execute(of_row).mappings().first()
            query = sa.select(made, models.c.rref, models.c.code)
            joined = query.join(models, models.c.id == made.c.model)
            key = None if entry is None else entry["key"]
            mine = joined.where(made.c.key == key, made.c.model == row["shown"])
            return row, entry, connection.execute(mine).mappings().first()

    def key_of(self, source: Source, pk: Pk) -> bytes | None:
        """The key of the content of a row, if it is known."""
        state, keys = self._state(source)
        with self.database.read() as connection:
            if not sa.inspect(connection).has_table(state.name, schema=state.schema):
                return None
            found = connection.scalar(sa.select(state.c.key).where(among(keys, [pk])))
        return None if found is None else bytes(found)

    def pks_of(self, source: Source, key: bytes) -> list[Pk]:
        """The rows with a content, as far as they are known."""
        state, keys = self._state(source)
        with self.database.read() as connection:
            if not sa.inspect(connection).has_table(state.name, schema=state.schema):
                return []
            query = sa.select(*keys).where(state.c.key == key)
            return [tuple(row) for row in connection.execute(query)]

    def _state(self, source: Source) -> tuple[sa.Table, list[Any]]:
        tracking = Tracking(source)
        return tracking.state, tracking.pks

    def forget(self, key: bytes, *, dry_run: bool) -> tuple[int, int]:
        """Deletes predictions of a content and its fetched files: how many there were of each."""
        tables, counts = self.database.tables, [0, 0]
        with self.database.write() as connection:
            is_there = tables.check(connection)
            for at, table in enumerate((tables.predictions, tables.fetched) if is_there else ()):
                mine = table.c.key == key
                count = sa.select(sa.func.count()).select_from(table).where(mine)
                counts[at] = connection.scalar(count) or 0
                if not dry_run:
                    connection.execute(sa.delete(table).where(mine))
        return counts[0], counts[1]


def listened_as(collection: Declared, spec: str, listener: str) -> Source:
    """What a listener reads of a collection. Raises NoListener where it is declared otherwise."""
    source = listened(collection, spec)
    if source is None:
        raise NoListener(
            f"the listener {listener} listens to fields that are declared otherwise here",
            listens_to=spec,
            remedy="declare these fields of the collection as they are there",
        )
    return source
