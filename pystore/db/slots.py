"""Slots: which processes of a listener live. A slot is a lock that ends with its process.

SL1  What a process that was killed had claimed is free within a second, not when its claim ends.
SL2  Where transactions of one connection go to several servers of PostgreSQL, nobody listens.
SL3  A listener has two connections to PostgreSQL: the session of its slot, which is notified as
     well, and one for its work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from blake3 import blake3
from filelock import FileLock, Timeout

from .connections import Connections, lost
from .errors import BadDatabase

_MOST = 64  # processes of one source


class Slot:
    """The lowest number that no living process has; it is given up by `close`."""

    def __init__(self, database: Connections, source: str) -> None:
        self.database = database
        self._source = source
        self._hash = int.from_bytes(blake3(source.encode()).digest(4), "big", signed=True)
        self._connection: Any = None  # of psycopg
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
        if self.database.is_postgres:
            return self._asked("pg_try_advisory_lock", number)
        lock = self._file_lock(number)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._lock = lock
        return True

    @property
    def session(self) -> Any:
        """The connection of psycopg to which the slot belongs, outside of all transactions (SL3).

        Raises BadDatabase where a pooler gives each transaction another server.
        """
        if self._connection is None:
            self._connection = self.database.session()
            self._check_is_one_server()
        return self._connection

    def _asked(self, function: str, number: int) -> bool:
        query = f"SELECT {function}(%s::integer, %s::integer)"
        try:
            [told] = self.session.execute(query, (self._hash, number)).fetchone()
        except self.database.engine.dialect.loaded_dbapi.Error as error:
            raise lost(self.database, error) from error
        return bool(told)

    def _check_is_one_server(self) -> None:
        before = backend_of(self._connection.execute)
        with self.database.read() as other:  # takes the server that a pooler has free
            backend_of(other.exec_driver_sql)
            after = backend_of(self._connection.execute)
        if before != after:
            self.close()
            raise BadDatabase(
                "a pooler gives each transaction another server of PostgreSQL",
                database=self.database.name,
                because="locks and notifications belong to one server, and would be lost",
                remedy="connect to PostgreSQL itself, or use pool_mode = session of pgbouncer",
            )

    def _file_lock(self, number: int) -> FileLock:
        return FileLock(f"{self.database.file}-{self._source}-{number}.lock")

    def dead(self, numbers: Iterable[int]) -> Iterator[int]:
        """Those of these slots that no living process has."""
        for number in numbers:
            if number != self.number and self._is_free(number):
                yield number

    def _is_free(self, number: int) -> bool:
        if self.database.is_postgres:
            is_free = self._asked("pg_try_advisory_lock", number)
            return is_free and self._asked("pg_advisory_unlock", number)
        with contextlib.suppress(Timeout):
            lock = self._file_lock(number)
            lock.acquire(timeout=0)
            lock.release()
            return True
        return False

    def close(self) -> None:
        """Gives the number to others."""
        if self._connection is not None:
            self._connection.close()  # the lock ends with the session
            self._connection = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def backend_of(execute: Callable[[str], Any]) -> int:
    """The process of PostgreSQL that serves a transaction."""
    [found] = execute("SELECT pg_backend_pid()").fetchone()
    return int(found)
