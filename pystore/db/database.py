"""Database: a value that says where; it connects when it is used for the first time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from ..core.printable import listed
from .collection import Collection, app_room
from .connections import Connections
from .errors import BadDatabase, BadField
from .fields import field_of
from .garbage import collect
from .overview import Overview, listeners
from .own_table import described

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


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
    found = _parsed(given)
    dialect, _, driver = found.drivername.partition("+")
    if dialect not in _DRIVERS:
        raise BadDatabase(
            f"there are no collections on {dialect}",
            there_are="sqlite, postgresql",
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


class Database(Connections):
    """A database with collections; see `connect`."""

    def __init__(self, url: Any) -> None:
        super().__init__(url)
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
        fields = {key: described(one) for key, one in told[name].items()}
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
        return Overview(self, app_room().forgotten_in)

    def gc(self, *, dry_run: bool = True) -> dict[str, int]:
        """Removes predictions that no listener shows or fills, and what was fetched for no row.

        Returns how many of what there were. Contents stay whose URLs stand in tables that are
        listened to, in those of ours, and in those that were attached here.
        """
        return collect(self, self._known.values(), dry_run=dry_run)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_known": {}}
