"""Waking: waits for a change of a database, so that a listener sleeps while nothing is to do.

A missed change costs time, no row: work is found by state.

WQ1  A wait ends when a change was committed, since a look before that finds nothing.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from typing import Any, Protocol

from .connections import Connections, lost
from .slots import Slot

_LOOK = 0.003  # [s] between two looks at a file
_ASKED = 1.0  # [s] after a change of a file, in which a commit can come without another change


class Wake(Protocol):
    """What waits for a change."""

    def wait(self, patience: float, stop: threading.Event) -> bool:
        """Waits until there is a change, `stop` is set, or the time [s] is over."""

    def close(self) -> None:
        """Ends the waiting for good."""


def wake_of(slot: Slot, channel: str, how: str = "notify") -> Wake:
    """What waits for changes of a database; "poll" takes no notifications of PostgreSQL."""
    database = slot.database
    if not database.is_postgres:
        return _Files(database)
    return _Notified(database, channel, slot.session) if how == "notify" else _Clock()


class _Clock:
    """Waits for a quarter of a second at most."""

    def wait(self, patience: float, stop: threading.Event) -> bool:
        return not stop.wait(min(patience, 0.25))

    def close(self) -> None:
        pass


class _Files:
    """Looks at the times of the files of SQLite, which takes no lock and starves no writer.

    A file changes before its transaction ends, and two changes can have one time. So for a while
    after a change SQLite is asked whether somebody has committed.
    """

    def __init__(self, database: Connections) -> None:
        assert database.file is not None
        file = os.fspath(database.file)
        self._files = (file, file + "-wal", file + "-journal")
        pooled = database.engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()  # it is never given back
        connection.execute("PRAGMA busy_timeout = 0")
        self._connection = connection
        self._seen = self._look()
        self._asked_until = time.monotonic() + _ASKED
        self._version = self._committed()

    def _look(self) -> list[tuple[int, int]]:
        found = []
        for name in self._files:
            try:
                status = os.stat(name)
            except OSError:
                continue
            found.append((status.st_mtime_ns, status.st_size))
        return found

    def _committed(self) -> int | None:
        """Another number after each commit of another connection; None while a writer is at it."""
        try:
            [version] = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return None
        return int(version)

    def _is_other(self) -> bool:
        now = self._look()
        if now != self._seen:
            self._seen, self._asked_until = now, time.monotonic() + _ASKED
        if time.monotonic() > self._asked_until:
            return False
        version = self._committed()
        if version in (None, self._version):
            return False
        self._version = version
        return True

    def wait(self, patience: float, stop: threading.Event) -> bool:
        end = time.monotonic() + patience
        while not stop.is_set():
            if self._is_other():
                return True
            if time.monotonic() >= end:
                return False
            stop.wait(_LOOK)
        return False

    def close(self) -> None:
        self._connection.close()


class _Notified:
    """LISTEN in the session of a slot; the payload is empty, since state says what is to do."""

    def __init__(self, database: Connections, channel: str, session: Any) -> None:
        self._database, self._session = database, session
        self._session.execute(f"LISTEN {database.quoted(channel)}")

    def wait(self, patience: float, stop: threading.Event) -> bool:
        session = self._session
        try:
            is_told = any(True for _ in session.notifies(timeout=patience, stop_after=1))
            for _ in session.notifies(timeout=0):  # one look is for all that came meanwhile
                pass
        except self._database.engine.dialect.loaded_dbapi.Error as error:
            raise lost(self._database, error) from error  # a restarted server ends all sessions
        return is_told

    def close(self) -> None:
        pass
