"""Connections: how a database is reached: it is opened when it is used for the first time.

DB1  Declaring touches nothing: `connect`, `collection`, `attach`, `where` are values.
DB2  A password never stands in a message.
DB3  A database in memory is that of the process that made it, and of no other one.
DB4  Who only reads makes no file of SQLite: a name that was mistyped leaves nothing behind.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from .errors import BadDatabase, NoPermission
from .kinds import json_of_sqlite, json_or_malformed
from .postgresql_times import read_each_time
from .sqlite_values import prepare
from .tables import Tables

_PATIENCE = 30.0  # [s] that a write waits for other writers of SQLite
_CACHE = 16_000  # [KiB] of pages: keys are anywhere in an index, and 2 MB write pages many times
_SECRET = ("password", "passwd", "sslpassword", "passfile")  # what a URL may say after its `?`
# Statistics of tables that a listener fills say how they were a minute ago, when they were empty:
# by them a claim would read the whole table, or compile a plan for longer than it takes.
_AS_WORK = """
SELECT set_config('synchronous_commit', 'off', true), set_config('jit', 'off', true),
    set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('enable_sort', 'off', true)
"""
_private: dict[str, str] = {}  # the files of the databases in memory of this process


class Connections:
    """The connections to one database. A value that was sent elsewhere opens its own."""

    is_sql = True
    _is_new = True  # whether it was made here, and did not come from another process

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        self.is_postgres = url.drivername.startswith("postgresql")
        database = url.database or ":memory:"
        in_memory = ":memory:" in database or url.query.get("mode") == "memory"
        self._private = token_hex(8) if in_memory and not self.is_postgres else None

    @property
    def name(self) -> str:
        """The URL without its password (DB2)."""
        hidden = {key: "***" for key in self.url.query if key in _SECRET}
        return self.url.update_query_dict(hidden).render_as_string(hide_password=True)

    @property
    def place(self) -> str:
        """Tells the database from others, whoever connects to it and by which driver."""
        if self.is_postgres:
            query = self.url.query
            where = [self.url.host or query.get("host"), self.url.port or query.get("port")]
            return repr([*map(str, where), self.url.database])
        return self._private or os.path.realpath(self.url.database or "")

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
        try:
            if self.is_postgres:
                engine = sa.create_engine(
                    self.url, pool_pre_ping=True, json_deserializer=json_or_malformed
                )
                sa.event.listen(engine, "connect", _in_utc)
                return engine
            url = self._file_url()
            engine = sa.create_engine(url, json_serializer=json_of_sqlite)
            if not os.path.exists(url.database or ""):
                sa.event.listen(engine, "connect", _with_log, once=True)
        except (ImportError, NoSuchModuleError) as error:
            package = "pystore-stages[postgres]" if self.is_postgres else "pystore-stages[db]"
            raise BadDatabase(
                "the driver of this database is not installed",
                database=self.name,
                because=str(error)[:200],
                remedy=f"pip install '{package}'",
            ) from error
        sa.event.listen(engine, "connect", _connected)
        sa.event.listen(engine, "begin", _begun)
        return engine

    def _file_url(self) -> sa.URL:
        """The file of the database, which for one in memory is gone with this process (DB3)."""
        if self._private is None:
            return self.url
        if self._private not in _private:
            if not self._is_new:
                raise BadDatabase(
                    "a database in memory has no other processes",
                    database=self.name,
                    remedy="connect('sqlite:///data.db')",
                )
            folder = tempfile.TemporaryDirectory(prefix="pystore-")
            atexit.register(folder.cleanup)
            _private[self._private] = f"{folder.name}/private.db"
        return sa.make_url("sqlite://").set(database=_private[self._private])

    @property
    def _is_missing(self) -> bool:
        """Whether there is no file yet, which the first write makes."""
        path = "" if self.is_postgres else str(self.engine.url.database or "")
        if not path or path.startswith("file:") or not os.path.isdir(os.path.dirname(path) or "."):
            return False
        return not os.path.exists(path)

    @cached_property
    def _nothing(self) -> sa.Engine:
        """An empty database, to read in place of a file that is not there (DB4)."""
        engine = sa.create_engine("sqlite://", poolclass=sa.NullPool)
        sa.event.listen(engine, "connect", _connected)
        sa.event.listen(engine, "begin", _begun)
        return engine

    def check_is_there(self) -> None:
        """Raises BadDatabase where a file of SQLite is named that is not there."""
        if self._is_missing and not self.is_private:
            raise BadDatabase(
                "there is no such database",
                database=self.name,
                remedy="name the file of one: sqlite:///data.db, or sqlite:////folder/data.db",
            )

    @property
    def is_private(self) -> bool:
        """Whether no other process can open it."""
        return self._private is not None

    @contextmanager
    def read(self, *, one_state: bool = False) -> Iterator[sa.Connection]:
        """A transaction that reads; with `one_state`, all of it sees the database as it was."""
        engine = self._nothing if self._is_missing else self.engine
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

    def session(self) -> Any:
        """A connection of psycopg of its own, outside of all transactions. Raises BadDatabase."""
        try:
            pooled = self.engine.raw_connection()
            found: Any = pooled.driver_connection
            pooled.detach()  # it is never given back
            found.autocommit = True
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise lost(self, error) from error
        return found

    @contextmanager
    def look(self) -> Iterator[sa.Connection]:
        """A transaction of a listener that reads."""
        with self.read() as connection:
            if self.is_postgres:
                connection.exec_driver_sql(_AS_WORK)
            yield connection

    @contextmanager
    def work(self) -> Iterator[sa.Connection]:
        """A transaction of a listener, which writes and does not wait for the disk.

        A power cut may take the last of them back, as a whole and in their order: what is lost so
        is work to do again.
        """
        engine = self.engine.execution_options(is_writing=True, is_lasting=False)
        with self._told(), engine.begin() as connection:
            if self.is_postgres:
                connection.exec_driver_sql(_AS_WORK)
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
            unopened = ("unable to open", "connection", "not a database")
            if state is None and any(one in said.lower() for one in unopened):
                raise lost(self, error.orig) from error
            raise

    def same_name(self, name: str) -> str:
        """A name as the database tells it: PostgreSQL by 63 bytes, SQLite in any case."""
        if self.is_postgres:
            return name.encode()[:63].decode("utf-8", "ignore")
        return "".join(one.lower() if one.isascii() else one for one in name)

    def quoted(self, name: str, schema: str | None = None) -> str:
        """A name as SQL takes it, in a text without bound values."""
        plain, *rest = ['"' + one.replace('"', '""') + '"' for one in (name, schema) if one]
        return ".".join([*rest, plain])

    def insert(self, table: sa.Table) -> Any:
        """An insert that can say what to do on a conflict."""
        return (postgresql if self.is_postgres else sqlite).insert(table)

    def drop_idle(self) -> None:
        """Gives up the connections that no thread uses: they may lead to a server that is gone."""
        self.engine.dispose()

    def close(self) -> None:
        """Closes all connections; the next use opens new ones."""
        self.engine.dispose()

    def __getstate__(self) -> dict[str, Any]:
        if self.is_private:
            self.engine  # noqa: B018  (a copy in this process has the same rows)
        kept = {key: vars(self)[key] for key in ("url", "is_postgres", "_private")}
        return {**kept, "_is_new": False}

    def __repr__(self) -> str:
        return f"<database {self.name}>"


def lost(database: Connections, error: object) -> BadDatabase:
    """The error for a database that is not reached, or no longer."""
    return BadDatabase(
        "the database cannot be opened",
        database=database.name,
        because=str(error).strip().splitlines()[0],
        remedy="look at the host, the path and the rights",
    )


def _in_utc(connection: Any, _: object) -> None:
    # A time without a zone is one in UTC, also where the server compares it with one that has one.
    connection.autocommit = True
    connection.execute("SET TIME ZONE 'UTC'")
    connection.autocommit = False
    read_each_time(connection)


def _with_log(connection: Any, _: object) -> None:
    # Readers and a writer do not wait for each other. A file of somebody else stays as it is.
    connection.execute("PRAGMA journal_mode = WAL")


def _connected(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    connection.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    prepare(connection)


def _begun(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("is_writing"):
        connection.exec_driver_sql("BEGIN")
        return
    is_lasting = options.get("is_lasting", True) or not _has_log(connection)
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if is_lasting else 'NORMAL'}")
    # A transaction that reads before it writes would be refused at once beside another writer.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _has_log(connection: sa.Connection) -> bool:
    # Without a write-ahead log, a power cut could leave a file that is broken.
    return bool(connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal")
