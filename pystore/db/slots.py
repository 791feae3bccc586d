"""Slots: which processes of a listener live. A slot is a lock that ends with its process.

SL1  What a process that was killed had claimed is free within a second, not when its claim ends.
SL2  Where transactions of one connection go to several servers of PostgreSQL, nobody listens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from blake3 import blake3
from filelock import FileLock, Timeout

from .connections import Connections
from .errors import BadDatabase

_MOST = 64  # processes of one source


class Slot:
    """The lowest number that no living process has; it is given up by `close`."""

    def __init__(self, database: Connections, source: str) -> None:
        self._database = database
        self._source = source
        self._hash = int.from_bytes(blake3(source.encode()).digest(4), "big", signed=True)
        self._connection: Any = None
        self._lock: FileLock | None = None
        self.number = self._taken()

    def _taken(self) -> int:
        for number in range(_MOST):
            if self._take(number):
                return number
        raise BadDatabase(
            "too many processes listen to this",
            processes=_MOST,
            remedy="end some of them: pystore listeners URL",
        )

    def _take(self, number: int) -> bool:
        if self._database.is_postgres:
            if self._connection is None:
                self._connection = self._database.engine.connect()
                self._connection.execution_options(isolation_level="AUTOCOMMIT")
                self._check_is_one_server()
            query = sa.text("SELECT pg_try_advisory_lock(:source, :number)")
            told = self._connection.execute(query, {"source": self._hash, "number": number})
            return bool(told.scalar_one())
        lock = self._file_lock(number)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._lock = lock
        return True

    def _check_is_one_server(self) -> None:
        """Raises BadDatabase where a pooler gives each transaction another server."""
        before = backend_of(self._connection)
        with self._database.read() as other:  # takes the server that a pooler has free
            backend_of(other)
            after = backend_of(self._connection)
        if before != after:
            self._connection.close()
            raise BadDatabase(
                "a pooler gives each transaction another server of PostgreSQL",
                database=self._database.name,
                because="locks and notifications belong to one server, and would be lost",
                remedy="connect to PostgreSQL itself, or use pool_mode = session of pgbouncer",
            )

    def _file_lock(self, number: int) -> FileLock:
        return FileLock(f"{self._database.file}-{self._source}-{number}.lock")

    def dead(self, numbers: Iterable[int]) -> Iterator[int]:
        """Those of these slots that no living process has."""
        for number in numbers:
            if number != self.number and self._is_free(number):
                yield number

    def _is_free(self, number: int) -> bool:
        if self._database.is_postgres:
            names = {"source": self._hash, "number": number}
            query = sa.text("SELECT pg_try_advisory_lock(:source, :number)")
            if not self._connection.execute(query, names).scalar_one():
                return False
            self._connection.execute(sa.text("SELECT pg_advisory_unlock(:source, :number)"), names)
            return True
        with contextlib.suppress(Timeout):
            lock = self._file_lock(number)
            lock.acquire(timeout=0)
            lock.release()
            return True
        return False

    def close(self) -> None:
        """Gives the number to others."""
        if self._connection is not None:
            self._connection.invalidate()  # the lock ends with the session
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def backend_of(connection: sa.Connection) -> int:
    """The process of PostgreSQL that serves a transaction."""
    return int(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())
