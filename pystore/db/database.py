"""Database: the collections of a database, and what listens to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ..core.printable import listed
from .collection import Collection, app_room
from .connections import Connections
from .errors import BadDatabase, BadField
from .fields import field_of
from .garbage import collect
from .overview import Overview, listeners, tables_of
from .own_table import described


class Database(Connections):
    """A database with collections; see `connect`."""

    _collection: type[Collection] = Collection

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
        found = self._collection(self, name, made, is_ours=True, replaces=replace)
        self._known[name] = found
        return found

    def attach(
        self, name: str, fields: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Collection:
        """A table of somebody else, with the fields of it that are used; it is never altered."""
        made = {key: field_of(key, one) for key, one in {**(fields or {}), **more}.items()}
        found = self._collection(self, name, made, is_ours=False)
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
        self._known[name] = self._collection(self, name, fields, is_ours=True)
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
        return Overview(self.name, tables_of(self, app_room().forgotten_in))

    def gc(self, *, dry_run: bool = True) -> dict[str, int]:
        """Removes predictions that no listener shows or fills, and what was fetched for no row.

        Returns how many of what there were. Contents stay whose URLs stand in tables that are
        listened to, in those of ours, and in those that were attached here.
        """
        return collect(self, self._known.values(), dry_run=dry_run)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_known": {}}
