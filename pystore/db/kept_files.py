"""Kept files: what was fetched from URLs, in a table of ours."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from .fetching import Fetched
from .source import Pk, Source

_SOME = 500  # URLs in one statement


class KeptFiles:
    """What was fetched for the field of URLs of a source, by its URL."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.database = source.database

    def install(self) -> None:
        """Makes the table where it is missing."""
        with self.database.write() as connection:
            self.database.tables.install(connection)

    def of(self, connection: Any, urls: Sequence[str]) -> dict[str, bytes]:
        """What was fetched from these URLs before."""
        table, found = self.database.tables.fetched, {}
        for at in range(0, len(urls), _SOME):
            query = sa.select(table.c.url, table.c.content)
            some = query.where(table.c.url.in_(list(urls[at : at + _SOME])))
            found.update({url: bytes(content) for url, content in connection.execute(some)})
        return found

    def row(self, url: str, got: Fetched) -> dict[str, Any]:
        """What is recorded of something that was fetched."""
        field = next(field for field in self.source.fields.values() if field.fetched)
        key = type(self.source)(self.source.table, {"file": field}).key((got.content,))
        return {"url": url, "content": got.content, "etag": got.etag, "at": time.time(), "key": key}

    def keep(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keeps what was fetched."""
        if not rows:
            return
        table = self.database.tables.fetched
        new = self.database.insert(table)
        changed = {name: new.excluded[name] for name in ("content", "etag", "at", "key")}
        ordered = sorted(rows, key=lambda row: str(row["url"]))  # two never wait in a circle
        with self.database.write() as connection:
            connection.execute(
                new.on_conflict_do_update(index_elements=[table.c.url], set_=changed), ordered
            )

    def old(self, before: float) -> list[tuple[str, str | None]]:
        """URLs of rows that were asked for before that time, the oldest first, with their tags."""
        table = self.database.tables.fetched
        is_old = (table.c.at < before,)
        with self.database.read() as connection:
            if connection.execute(sa.select(table.c.url).where(*is_old).limit(1)).first() is None:
                return []
            named = sa.select(self._url()).select_from(self.source.selectable)
            query = sa.select(table.c.url, table.c.etag).where(*is_old, table.c.url.in_(named))
            found = connection.execute(query.order_by(table.c.at).limit(_SOME)).all()
        return [(url, etag) for url, etag in found]

    def asked(self, urls: Sequence[str], at: Mapping[str, float]) -> dict[str, bytes]:
        """Notes when URLs were asked for; returns the keys of what was fetched from `urls`."""
        table = self.database.tables.fetched
        with self.database.write() as connection:
            query = sa.select(table.c.url, table.c.key).where(table.c.url.in_(urls))
            before = {url: bytes(key) for url, key in connection.execute(query)}
            for url, time_of in sorted(at.items()):
                connection.execute(sa.update(table).where(table.c.url == url).values(at=time_of))
        return before

    def rows_with(self, connection: Any, urls: Sequence[str]) -> list[Pk]:
        """The rows with these URLs."""
        query = sa.select(*self.source.pk_columns).where(self._url().in_(urls))
        return [tuple(row) for row in connection.execute(query)]

    def _url(self) -> Any:
        """The URL of a row as text, as a query selects it."""
        return self.source.url(next(n for n, one in self.source.fields.items() if one.fetched))
