"""The tables of ours: what is recorded beside the tables of others, and its versions.

TA1  A change of these tables is a numbered step in one transaction; what a newer pystore has made
     is refused.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ..core.errors import FormatTooNew
from .errors import BadDatabase

VERSION = 1
KEY = 16  # [bytes] of the digest of a content
SCHEMA = "pystore"

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


class Tables:
    """The tables of ours in one database: in a schema of their own, or with a prefix."""

    def __init__(self, dialect: str) -> None:
        self.has_schema = dialect == "postgresql"
        self._is_there = False  # whether they were seen, and are of this version
        self.metadata = sa.MetaData(schema=SCHEMA if self.has_schema else None)
        column, text = sa.Column, sa.Text
        self.meta = self._table("meta", column("version", sa.Integer, nullable=False))
        self.collections = self._table(
            "collections", column("name", text, primary_key=True), column("fields", JSON)
        )
        self.snapshots = self._table(
            "snapshots",
            column("collection", text, primary_key=True),
            column("name", text, primary_key=True),
            column("dref", text, nullable=False),
            column("config", JSON, nullable=False),
            column("taken", sa.Float, nullable=False),
        )
        self.models = self._table(
            "models",
            column("id", sa.Integer, primary_key=True),
            column("rref", text, nullable=False),
            column("code", text, nullable=False),
            sa.UniqueConstraint("rref", "code"),
        )
        self.predictions = self._table(
            "predictions",
            column("model", sa.Integer, primary_key=True, autoincrement=False),
            column("key", sa.LargeBinary(KEY), primary_key=True),
            column("value", JSON),
            column("made", sa.Float),
            column("due", sa.Float),
            column("tries", sa.Integer, nullable=False),
            column("error", text),
            column("phase", text),
            column("owner", sa.Integer),
            sqlite_with_rowid=False,  # a row is in one tree, and not in two
        )
        waiting = self.predictions.c.value.is_(None)
        sa.Index(
            self._name("pending"),
            self.predictions.c.model,
            self.predictions.c.due,
            postgresql_where=waiting,
            sqlite_where=waiting,
        )
        self.listeners = self._table(
            "listeners",
            column("collection", text, primary_key=True),
            column("name", text, primary_key=True),
            column("field", text, nullable=False),
            column("predictor", text, nullable=False),
            column("follows", text, nullable=False),
            column("outputs", JSON, nullable=False),
            column("writes", JSON),  # the columns of the table that it fills
            column("shown", sa.Integer),
            column("target", sa.Integer),
            column("is_full", sa.Boolean, nullable=False),  # whether the target has each row
            column("behind_since", sa.Float),  # when it was last done; None: it is done
            column("alive", sa.Float),  # when a process of it was last at work
            column("process", text),
            column("note", text),  # why it has no target, or does not take one
        )
        self.fetched = self._table(
            "fetched",
            column("url", text, primary_key=True),
            column("content", sa.LargeBinary, nullable=False),
            column("etag", text),
            column("at", sa.Float, nullable=False),
            column("key", sa.LargeBinary(KEY), nullable=False),
        )
        self.sources = self._table(
            "sources",
            column("source", text, primary_key=True),
            column("kinds", text, nullable=False),  # as what its fields are declared
        )
        self.deleted = self._table(
            "deleted",
            column("source", text, nullable=False),
            column("key", sa.LargeBinary(KEY), nullable=False),
            column("at", sa.Float, nullable=False),
        )

    def _name(self, name: str) -> str:
        return name if self.has_schema else f"{SCHEMA}_{name}"

    def _table(self, name: str, *parts: Any, **options: Any) -> sa.Table:
        return sa.Table(self._name(name), self.metadata, *parts, **options)

    def state(self, source: str, types: list[Any]) -> sa.Table:
        """The entries of a listened field: one a row, by the row's primary key."""
        name = self._name(f"rows_{source}")
        known = self.metadata.tables.get(f"{SCHEMA}.{name}" if self.has_schema else name)
        if known is not None:
            return known
        keys = [
            sa.Column(f"pk{n}", kind, primary_key=True, autoincrement=False)
            for n, kind in enumerate(types)
        ]
        table = self._table(
            f"rows_{source}",
            *keys,
            sa.Column("key", sa.LargeBinary(KEY)),
            sa.Column("stamp", sa.BigInteger, nullable=False),
            sa.Column("due", sa.Float, nullable=False),
            sa.Column("tries", sa.Integer, nullable=False),
            sa.Column("error", sa.Text),
            sa.Column("phase", sa.Text),
            sa.Column("owner", sa.Integer),
        )
        undone, done = table.c.key.is_(None), table.c.key.is_not(None)
        sa.Index(f"{name}_key", table.c.key, postgresql_where=done, sqlite_where=done)
        sa.Index(f"{name}_due", table.c.due, postgresql_where=undone, sqlite_where=undone)
        return table

    def version(self, connection: sa.Connection) -> int | None:
        """The version of the tables there; None while there are none."""
        schema = SCHEMA if self.has_schema else None
        if not sa.inspect(connection).has_table(self.meta.name, schema=schema):
            return None
        return int(connection.execute(sa.select(self.meta.c.version)).scalar_one())

    def check(self, connection: sa.Connection) -> bool:
        """Whether the tables are there. Raises FormatTooNew, or BadDatabase for older ones."""
        if self._is_there:
            return True
        found = self.version(connection)
        if found is not None and found > VERSION:
            raise FormatTooNew(
                "these tables are of a newer pystore",
                found=found,
                known=VERSION,
                remedy="pip install --upgrade pystore-stages",
            )
        if found is not None and found < VERSION:
            raise BadDatabase(
                "these tables are of an older pystore",
                found=found,
                needed=VERSION,
                remedy="pystore db upgrade URL",
            )
        self._is_there = found is not None
        return self._is_there

    def statements(self, dialect: sa.Dialect, state: sa.Table) -> list[str]:
        """The SQL that makes the tables, and the entries of one source."""
        first = [
            f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
            f"CREATE SEQUENCE IF NOT EXISTS {SCHEMA}.stamp",
        ]
        made = first if self.has_schema else []
        for table in [*self._own(), state]:
            parts: list[Any] = [sa.schema.CreateTable(table, if_not_exists=True)]
            parts += [sa.schema.CreateIndex(one, if_not_exists=True) for one in table.indexes]
            made += [str(one.compile(dialect=dialect)).strip() for one in parts]
        meta = self.meta.fullname
        version = f"INSERT INTO {meta} (version) SELECT {VERSION}"
        return [*made, f"{version} WHERE NOT EXISTS (SELECT 1 FROM {meta})"]

    def _own(self) -> list[sa.Table]:
        return [table for table in self.metadata.sorted_tables if "rows_" not in table.name]

    def upgrade(self, connection: sa.Connection) -> int | None:
        """Brings the tables to this version; returns the version that they had (TA1)."""
        before = self.version(connection)
        if before is None:
            self.install(connection)
        else:
            self.check(connection)
        return before

    def install(self, connection: sa.Connection) -> None:
        """Makes the tables that are missing, within the transaction of the connection (TA1)."""
        if self.check(connection):
            return
        if self.has_schema:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7093411)"))
            connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
            connection.execute(sa.text(f"CREATE SEQUENCE IF NOT EXISTS {SCHEMA}.stamp"))
        if self.check(connection):  # another process was quicker
            return
        self.metadata.create_all(connection, tables=self._own())
        connection.execute(sa.insert(self.meta).values(version=VERSION))

    def mend(self, connection: sa.Connection) -> None:
        """Makes the tables that are missing, though others of ours are there."""
        self._is_there = False
        if self.version(connection) is None:
            self.install(connection)
            return
        if self.has_schema:
            connection.execute(sa.text(f"CREATE SEQUENCE IF NOT EXISTS {SCHEMA}.stamp"))
        self.metadata.create_all(connection, tables=self._own())
