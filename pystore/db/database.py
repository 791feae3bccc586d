"""Database: a value that says where; it connects when it is used for the first time.

DB1  Declaring touches nothing: `connect`, `collection`, `attach`, `where` are values.
DB2  A password never stands in a message.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from ..core.printable import listed
from .collection import Collection
from .errors import BadDatabase, BadField, NoPermission
from .fields import field_from, field_of
from .overview import Overview, collect, listeners
from .tables import Tables

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_PATIENCE = 30.0  # [s] that a write waits for other writers of SQLite


def connect(url: str | None = None) -> Database:
    """The database at a URL of SQLAlchemy, by default that in the variable DATABASE_URL.

    `sqlite:///file.db` is a file, `postgresql://user@host/name` a server, `sqlite://` a database
    that lives as long as this process. Nothing is opened yet. Raises BadDatabase.
    """
    given = url if url is not None else os.environ.get("DATABASE_URL")
    if not given:
        raise BadDatabase(
            "no database is named",
            remedy="connect('sqlite:///data.db'), or set DATABASE_URL",
        )
    try:
        found = sa.make_url(given)
    except ArgumentError:
        raise BadDatabase(
            "this is no URL of a database",
            given=given.split("@")[-1][:80],
            remedy="sqlite:///data.db, or postgresql://user@host/name",
        ) from None
    dialect = found.drivername.split("+")[0]
    if dialect in _DRIVERS and "+" not in found.drivername:
        found = found.set(drivername=_DRIVERS[dialect])
    if dialect not in ("sqlite", *_DRIVERS):
        raise BadDatabase(
            f"there are no collections on {dialect}",
            there_are="sqlite, postgresql",
            remedy="sqlite:///data.db, or postgresql://user@host/name",
        )
    return Database(found)


class Database:
    """A database with collections; see `connect`."""

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        self.is_postgres = url.drivername.startswith("postgresql")
        self._is_private = not self.is_postgres and url.database in (None, "", ":memory:")
        self._known: dict[str, Collection] = {}

    # --- collections

    def collection(
        self,
        name: str,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        replace: bool = False,
        **more: Any,
    ) -> Collection:
        """A collection of ours, by its fields; the table is made at the first insert.

        With `replace`, a table with other fields is replaced, and its rows are lost.
        """
        given = {**(fields or {}), **more}
        if not given:
            raise BadField(
                f"the collection {name} has no fields",
                remedy=f"db.collection({name!r}, img=image(), label=str); "
                f"db[{name!r}] opens what was declared before",
            )
        made = {key: field_of(key, one) for key, one in given.items()}
        found = Collection(self, name, made, is_ours=True, replaces=replace)
        self._known[name] = found
        return found

    def attach(
        self, name: str, fields: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Collection:
        """A table of somebody else, with the fields of it that are used; it is never altered."""

        made = {key: field_of(key, one) for key, one in {**(fields or {}), **more}.items()}
        found = Collection(self, name, made, is_ours=False)
        self._known[name] = found
        return found

    def __getitem__(self, name: str) -> Collection:
        """The collection that was declared under this name, here or earlier."""

        if name in self._known:
            return self._known[name]
        told = self._declared()
        if name not in told:
            raise BadDatabase(
                f"there is no collection {name}",
                database=self.name,
                there_are=listed(sorted(told)) or "none",
                remedy="db.collection(name, img=image(), …) makes one; db.attach(name, …) takes a "
                "table of somebody else",
            )
        fields = {key: field_from(one) for key, one in told[name].items()}
        self._known[name] = Collection(self, name, fields, is_ours=True)
        return self._known[name]

    def collections(self) -> list[str]:
        """The names of the collections of ours."""
        return sorted(self._declared())

    def _declared(self) -> dict[str, dict[str, Any]]:
        with self.read() as connection:
            if not self.tables.check(connection):
                return {}
            known = self.tables.collections
            rows = connection.execute(sa.select(known.c.name, known.c.fields)).all()
            return {row.name: row.fields for row in rows}

    # --- what listens

    def listeners(self) -> list[dict[str, Any]]:
        """The listeners, each with its rows, those pending and failed, and how far it is behind."""
        return listeners(self)

    def show(self) -> Any:
        """Collections, snapshots, models and listeners, as tables."""
        return Overview(self)

    def gc(self, *, dry_run: bool = True) -> dict[str, int]:
        """Removes the predictions that no listener shows or fills, and pictures no row names."""
        return collect(self, dry_run=dry_run)

    # --- connections

    @property
    def name(self) -> str:
        """The URL without its password (DB2)."""
        return self.url.render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """The file of the database; None where it is a server."""
        return None if self.is_postgres else Path(self.engine.url.database or "")

    @cached_property
    def tables(self) -> Tables:
        """The tables of ours."""
        return Tables("postgresql" if self.is_postgres else "sqlite")

    @cached_property
    def engine(self) -> sa.Engine:
        """SQLAlchemy's engine. Raises BadDatabase where a driver is missing."""
        url = self.url
        if self._is_private:
            folder = tempfile.TemporaryDirectory(prefix="pystore-")
            atexit.register(folder.cleanup)
            url = sa.make_url(f"sqlite:///{folder.name}/private.db")
        try:
            if self.is_postgres:
                return sa.create_engine(url, pool_pre_ping=True)
            engine = sa.create_engine(url)
        except (ImportError, NoSuchModuleError) as error:
            raise BadDatabase(
                "the driver of this database is not installed",
                database=self.name,
                because=str(error)[:200],
                remedy="pip install 'pystore-stages[postgres]'",
            ) from error
        sa.event.listen(engine, "connect", _connected)
        sa.event.listen(engine, "begin", _begun)
        return engine

    @property
    def is_private(self) -> bool:
        """Whether no other process can open it."""
        return self._is_private

    @contextmanager
    def read(self, *, one_state: bool = False) -> Iterator[sa.Connection]:
        """A transaction that reads; with `one_state`, all of it sees the database as it was."""
        engine = self.engine
        if self.is_postgres and one_state:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with self._told(), engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes; on SQLite it waits for other writers before it begins."""
        engine = self.engine
        if not self.is_postgres:
            engine = engine.execution_options(is_writing=True)
        with self._told(), engine.begin() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Names the database in errors of connecting and of rights."""
        try:
            yield
        except DBAPIError as error:
            said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else ""
            state = getattr(error.orig, "sqlstate", None)
            if state == "42501" or "readonly" in said:
                raise NoPermission(
                    "the database refuses this",
                    database=self.name,
                    because=said,
                    remedy="let its owner grant the right; `pystore db sql FILE:NAME` prints what "
                    "is to be granted",
                ) from error
            if state is None and ("unable to open" in said or "connection" in said.lower()):
                raise BadDatabase(
                    "the database cannot be opened",
                    database=self.name,
                    because=said,
                    remedy="look at the host, the path and the rights",
                ) from error
            raise

    def quoted(self, name: str, schema: str | None = None) -> str:
        """A name as SQL takes it."""
        quote = self.engine.dialect.identifier_preparer.quote_identifier
        return quote(name) if schema is None else f"{quote(schema)}.{quote(name)}"

    def insert(self, table: sa.Table) -> Any:
        """An insert that can say what to do on a conflict."""
        return (postgresql if self.is_postgres else sqlite).insert(table)

    def close(self) -> None:
        """Closes all connections; the next use opens new ones."""
        self.engine.dispose()

    def __getstate__(self) -> dict[str, Any]:
        # Connections stay in the process that opened them.
        return {
            "url": self.url,
            "_is_private": self._is_private,
            "_known": {},
            "is_postgres": self.is_postgres,
        }

    def __repr__(self) -> str:
        return f"<Database {self.name}>"


def _connected(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    connection.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")


def _begun(connection: sa.Connection) -> None:
    # A transaction that reads before it writes would be refused at once beside another writer.
    is_writing = connection.get_execution_options().get("is_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
