"""Kept files: what was fetched from URLs, in a collection of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import UpdateOne

from ..kept_files import KeptFiles
from ..source import Pk
from .connections import DocumentConnections, write_all
from .source import DocumentSource, pk_of

_SOME = 500  # URLs that are asked for again at a time


class DocumentKeptFiles(KeptFiles):
    """What was fetched for the field of URLs of a source, by its URL."""

    source: DocumentSource
    database: DocumentConnections

    @property
    def _files(self) -> Any:
        return self.database.ours("fetched")

    def install(self) -> None:
        """Makes what is missing."""
        self.database.install()

    def of(self, connection: Any, urls: Sequence[str]) -> dict[str, bytes]:
        """What was fetched from these URLs before."""
        return self._told("content", urls)

    def keys(self, urls: Sequence[str]) -> dict[str, bytes]:
        """The keys of what was fetched from these URLs."""
        return self._told("key", urls)

    def _told(self, what: str, urls: Sequence[str]) -> dict[str, bytes]:
        found = self._files.find({"_id": {"$in": [*urls]}}, {what: 1})
        return {one["_id"]: one[what] for one in found}

    def keep(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keeps what was fetched."""
        write_all(
            self._files,
            [
                UpdateOne({"_id": row.pop("url")}, {"$set": row}, upsert=True)
                for row in map(dict, rows)
            ],
        )

    def old(self, before: float) -> list[tuple[str, str | None]]:
        """URLs of rows that were asked for before that time, the oldest first, with their tags."""
        found = self._files.find({"at": {"$lt": before}}, {"etag": 1}).sort("at", 1)
        return [
            (one["_id"], one["etag"])
            for one in found.limit(_SOME)
            if self.source.documents.find_one(self._with([one["_id"]]), {"_id": 1}) is not None
        ]

    def asked(self, urls: Sequence[str], at: Mapping[str, float]) -> dict[str, bytes]:
        """Notes when URLs were asked for; returns the keys of what was fetched from `urls`."""
        before = self.keys(urls)
        new = [UpdateOne({"_id": url}, {"$set": {"at": one}}) for url, one in at.items()]
        write_all(self._files, new)
        return before

    def rows_with(self, connection: Any, urls: Sequence[str]) -> list[Pk]:
        """The documents with these URLs."""
        return [
            pk_of(one["_id"]) for one in self.source.documents.find(self._with(urls), {"_id": 1})
        ]

    def _with(self, urls: Sequence[str]) -> dict[str, Any]:
        named = self.source.fields.items()
        path = next(field.at or name for name, field in named if field.fetched)
        return {path: {"$in": [*urls]}}
