"""File: the rows of an index in an SQLite file, which may be lost, damaged or locked at any time.

XF1  A file that is damaged, locked, of another version or not there raises no error. It is read
     as far as it can be; what is damaged, or older, is made anew.
"""

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

VERSION = 3
_WAIT = 2.0  # [s] for another process that writes
_SET_UP = """
    PRAGMA page_size = 32768;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -2000;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
"""
_TABLE = """
    CREATE TABLE IF NOT EXISTS row
        (kind TEXT, key TEXT, body BLOB, more BLOB, PRIMARY KEY (kind, key))
"""
_FAULTS = (sqlite3.Error, OSError, ValueError, OverflowError, MemoryError)

Row = tuple[str, bytes, bytes]  # key, body, and what is read when the body is made anew
Answer = TypeVar("Answer")


class IndexFile:
    """The rows of an index. A fault is no error: there are then no rows, or nothing is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: sqlite3.Connection | None = None

    def close(self) -> None:
        """Lets go of the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def bodies(self, kind: str, keys: Collection[str]) -> dict[str, bytes]:
        """The bodies of these rows by their keys, as far as they are there."""
        return self._ask(lambda file: dict(_bodies(file, kind, keys)), {})

    def more(self, kind: str, key: str) -> bytes:
        """The rest of a row; empty if there is none."""
        query = "SELECT more FROM row WHERE kind = ? AND key = ?"
        found = self._ask(lambda file: file.execute(query, (kind, key)).fetchone(), None)
        return found[0] if found and isinstance(found[0], bytes) else b""

    def write(self, kind: str, rows: Sequence[Row]) -> None:
        """Puts rows in place of earlier ones."""

        def act(file: sqlite3.Connection) -> None:
            file.execute("BEGIN IMMEDIATE")
            put = "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?)"
            file.executemany(put, ((kind, *row) for row in rows))
            file.execute("COMMIT")

        if rows:
            self._ask(act, None)

    def _ask(self, act: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        for is_last in (False, True):
            try:
                if self._open is None:
                    self._open = _opened(self._path)
                return act(self._open)
            except _FAULTS as error:
                with suppress(*_FAULTS):
                    self.close()  # what was begun is rolled back
                if is_last or not _is_damage(error):
                    break
                self._discard()
        return otherwise

    def _discard(self) -> None:
        for path in (self._path, f"{self._path}-journal"):
            with suppress(OSError):
                os.unlink(path)


def _bodies(
    file: sqlite3.Connection, kind: str, keys: Collection[str]
) -> Iterator[tuple[str, bytes]]:
    query = "SELECT key, body FROM row WHERE kind = ? AND key = ?"
    found = (row for key in keys for row in file.execute(query, (kind, key)))
    return ((key, body) for key, body in found if isinstance(body, bytes))


def _opened(path: Path) -> sqlite3.Connection:
    """The file, open; made if there is none. Raises sqlite3.Error."""
    address = f"file:{quote(os.fsencode(path))}?mode=rwc"
    file = sqlite3.connect(address, uri=True, timeout=_WAIT, isolation_level=None)
    try:
        file.executescript(_SET_UP)
        (version,) = file.execute("PRAGMA user_version").fetchone()
        if not version:
            _make(file)
        elif version != VERSION:
            raise _Older if version < VERSION else _Newer
        return file
    except BaseException:
        file.close()
        raise


def _make(file: sqlite3.Connection) -> None:
    file.execute("BEGIN IMMEDIATE")  # it waits for another process that makes it
    file.execute(_TABLE)
    file.execute(f"PRAGMA user_version = {VERSION}")
    file.execute("COMMIT")


class _Older(sqlite3.DatabaseError):
    """An older version of pystore wrote the file."""


class _Newer(sqlite3.OperationalError):
    """A later version of pystore wrote the file."""


def _is_damage(error: Exception) -> bool:
    """Whether the file is to be made anew. One that is locked, or cannot be written, is left."""
    if isinstance(error, sqlite3.OperationalError):
        return "no such" in str(error) or "decode" in str(error)
    return isinstance(error, (sqlite3.DatabaseError, ValueError, OverflowError))
