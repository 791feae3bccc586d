"""Database: the collections of a database of MongoDB, and what listens to them."""

from __future__ import annotations

import json
from typing import Any

from ..collection import app_room
from ..database import Database
from ..overview import Overview
from .collection import DocumentCollection
from .connections import DocumentConnections
from .overview import collect, listeners, tables_of


class DocumentDatabase(DocumentConnections, Database):
    """A database with collections of documents; see `connect`."""

    _collection = DocumentCollection

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._known = {}

    def _declared(self) -> dict[str, dict[str, Any]]:
        with self.read():
            if not self.check():
                return {}
            found = self.ours("collections").find()
            return {one["_id"]: json.loads(one["fields"]) for one in found}

    def listeners(self) -> list[dict[str, Any]]:
        """The listeners, each with its rows, those pending and failed, and how far it is behind."""
        with self.read():
            return listeners(self)

    def show(self) -> Any:
        """Collections, snapshots, models and listeners, as tables."""
        with self.read():
            return Overview(self.name, tables_of(self, app_room().forgotten_in))

    def gc(self, *, dry_run: bool = True) -> dict[str, int]:
        """Removes the predictions that no listener shows or fills: how many of what there were."""
        with self.write():
            return collect(self, dry_run=dry_run)

    def __getstate__(self) -> dict[str, Any]:
        return {**DocumentConnections.__getstate__(self), "_known": {}}
