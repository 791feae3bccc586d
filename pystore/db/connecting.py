"""Connecting: the database at a URL, which opens when it is used for the first time."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from ..core.extras import needs_extra
from .database import Database
from .errors import BadDatabase

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


def connect(url: str | None = None) -> Database:
    """The database at a URL of SQLAlchemy, by default that in the variable DATABASE_URL.

    `sqlite:///file.db` is a file, `postgresql://user@host/name` and `mongodb://host/name` are on
    servers, `sqlite://` is a database that lives as long as this process. Nothing is opened yet.
    Raises BadDatabase.
    """
    given = url if url is not None else os.environ.get("DATABASE_URL")
    if not given:
        raise BadDatabase(
            "no database is named",
            remedy="connect('sqlite:///data.db'), or set DATABASE_URL",
        )
    if str(given).startswith(("mongodb://", "mongodb+srv://")):
        return _of_documents(str(given))
    found = _parsed(given)
    dialect, _, driver = found.drivername.partition("+")
    if dialect not in _DRIVERS:
        raise BadDatabase(
            f"there are no collections on {dialect}",
            there_are="sqlite, postgresql, mongodb",
            remedy="sqlite:///data.db, or postgresql://user@host/name",
        )
    name = _DRIVERS[dialect]
    if driver and f"{dialect}+{driver}" not in (name, "sqlite+pysqlite"):
        raise BadDatabase(
            f"databases are not reached by the driver {driver}",
            driver=name,
            remedy=f"write {dialect}://… in the URL, without a driver",
        )
    return Database(_at_home(found.set(drivername=name)))


def _of_documents(url: str) -> Database:
    with needs_extra("mongo", "a package is missing for MongoDB", BadDatabase):
        from .documents.database import DocumentDatabase  # for weight: it imports pymongo
    return DocumentDatabase(url)


def _parsed(given: Any) -> sa.URL:
    """The URL in a text. Raises BadDatabase, without what may be a password (DB2)."""
    is_secret = any(one in str(given) for one in ("@", "=", "://"))
    try:
        found = sa.make_url(given)
    except (ArgumentError, ValueError, TypeError):
        raise BadDatabase(
            "this is no URL of a database",
            given="(hidden, since it may hold a password)" if is_secret else str(given)[:80],
            remedy="sqlite:///data.db, or postgresql://user@host/name",
        ) from None
    if "@" in (found.host or "") + (found.database or "") and found.drivername[:8] == "postgres":
        raise BadDatabase(
            "this URL has an @ too much",
            remedy="write %40 for an @ in a name or a password",
        )
    return found


def _at_home(url: sa.URL) -> sa.URL:
    """The URL with the whole path of a file, since another process may be in another folder."""
    is_file = url.drivername.startswith("sqlite") and url.database
    if not is_file or ":memory:" in str(url.database) or str(url.database).startswith("file:"):
        return url
    return url.set(database=os.path.abspath(str(url.database)))
