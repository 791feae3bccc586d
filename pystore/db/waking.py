"""Waking: waits for a change of a database, so that a listener sleeps while nothing is to do.

A missed change costs time, no row: work is found by state.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Protocol

from .connections import Connections
from .errors import BadDatabase

_LOOK = 0.003  # [s] between two looks at a file


class Wake(Protocol):
    """What waits for a change."""

    def wait(self, patience: float, stop: threading.Event) -> bool:
        """Waits until there is a change, `stop` is set, or the time [s] is over."""

    def close(self) -> None:
        """Ends the waiting for good."""


def wake_of(database: Connections, channel: str, how: str = "notify") -> Wake:
    """What waits for changes of a database; "poll" takes no notifications of PostgreSQL."""
    if not database.is_postgres:
        return _Files(database)
    return _Notified(database, channel) if how == "notify" else Clock()


class Clock:
    """Waits for a quarter of a second at most."""

    def wait(self, patience: float, stop: threading.Event) -> bool:
        """Waits until `stop` is set, or the time [s] is over."""
        return not stop.wait(min(patience, 0.25))

    def close(self) -> None:
        """There is nothing to end."""


class _Files:
    """Looks at the times of the files of SQLite, which takes no lock and starves no writer."""

    def __init__(self, database: Connections) -> None:
        assert database.file is not None
        file = os.fspath(database.file)
        self._files = (file, file + "-wal", file + "-journal")
        self._seen = self._look()

    def _look(self) -> list[tuple[int, int]]:
        found = []
        for name in self._files:
            try:
                status = os.stat(name)
            except OSError:
                continue
            found.append((status.st_mtime_ns, status.st_size))
        return found

    def wait(self, patience: float, stop: threading.Event) -> bool:
        end = time.monotonic() + patience
        while not stop.is_set():
            now = self._look()
            if now != self._seen:
                self._seen = now
                return True
            if time.monotonic() >= end:
                return False
            stop.wait(_LOOK)
        return False

    def close(self) -> None:
        pass


class _Notified:
    """LISTEN on a connection of its own; the payload is empty, since state says what is to do."""

    def __init__(self, database: Connections, channel: str) -> None:
        self._database, self._channel = database, channel
        self._connection: Any = None

    def _opened(self) -> Any:
        if self._connection is None:
            try:
                pooled = self._database.engine.raw_connection()
                self._connection = pooled.driver_connection
                pooled.detach()  # it is never given back
                self._connection.autocommit = True
                self._connection.execute(f"LISTEN {self._database.quoted(self._channel)}")
            except self._database.engine.dialect.loaded_dbapi.Error as error:
                self.close()
                raise BadDatabase(
                    "the database cannot be opened",
                    database=self._database.name,
                    because=str(error).strip().splitlines()[0],
                    remedy="look at the host, the path and the rights",
                ) from error
        return self._connection

    def wait(self, patience: float, stop: threading.Event) -> bool:
        connection = self._opened()
        try:
            is_told = any(True for _ in connection.notifies(timeout=patience, stop_after=1))
            for _ in connection.notifies(timeout=0):  # one look is for all that came meanwhile
                pass
        except self._database.engine.dialect.loaded_dbapi.Error:
            self.close()  # a restarted server ends it; the next wait opens another one
            return True
        return is_told

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
