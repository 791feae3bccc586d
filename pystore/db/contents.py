"""Contents: what is stored in the listened fields of claimed rows; URLs are fetched meanwhile.

CT1  A slow URL holds up no other row.
CT2  What was fetched is kept by its URL, and asked for again when it is old.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..core.errors import PystoreError, in_one_line
from .errors import BadField
from .fetching import Fetched, Fetcher
from .fields import Field
from .source import Pk, Source
from .tracking import Claim, Failure

Stored = tuple[Any, ...]


class Ready(NamedTuple):
    """A claimed row with what is stored for it; None: the row is gone, or has no content."""

    claim: Claim
    stored: Stored | Failure | None


class Contents:
    """Gives claimed rows their contents, in the order in which these arrive."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._urls = [n for n, field in enumerate(source.fields.values()) if field.fetched]
        self._waiting: dict[str, list[tuple[Claim, Stored]]] = {}
        self._ready: list[Ready] = []
        self._fetcher: Fetcher[str] | None = None
        self._table = source.database.tables.fetched
        if len(self._urls) > 1:
            raise BadField(
                "one listener reads one field of URLs",
                fields=", ".join(source.fields),
                remedy="listen on one of them; another listener takes the other",
            )

    @property
    def is_waiting(self) -> bool:
        """Whether something is still fetched."""
        return bool(self._waiting)

    def start(self, claims: Sequence[Claim]) -> None:
        """Reads what these rows have, and begins to fetch what is not here."""
        if not claims:
            return
        with self.source.database.read() as connection:
            found = self.source.contents(connection, [claim.pk for claim in claims])
            here = self._here(connection, found) if self._urls else {}
        for claim in claims:
            stored = found.get(claim.pk)
            if stored is None or all(one is None for one in stored):
                self._ready.append(Ready(claim, None))
            elif not self._urls or stored[self._urls[0]] is None:
                self._ready.append(Ready(claim, stored))
            else:
                self._look(claim, stored, here)

    def _here(self, connection: sa.Connection, found: dict[Pk, Stored]) -> dict[str, bytes]:
        urls = [one[self._urls[0]] for one in found.values()]
        return kept(self.source, connection, [url for url in urls if isinstance(url, str)])

    def _look(self, claim: Claim, stored: Stored, here: dict[str, bytes]) -> None:
        url = stored[self._urls[0]]
        if not isinstance(url, str):
            failure = Failure("fetch", f"this is no URL: {repr(url)[:80]}", is_final=True)
            self._ready.append(Ready(claim, failure))
        elif url in here:
            self._ready.append(Ready(claim, self._with(stored, here[url])))
        else:
            if url not in self._waiting:
                self._opened().submit(url, url)
            self._waiting.setdefault(url, []).append((claim, stored))

    def ready(self, patience: float = 0.0) -> list[Ready]:
        """What is here by now; waits at most so long [s] for something that is fetched."""
        told, self._ready = self._ready, []
        if self._waiting:
            told += self._arrived(0.0 if told else patience)
        return told

    def _arrived(self, patience: float) -> list[Ready]:
        told, rows = [], []
        for url, got in self._opened().done(patience):
            waiting = self._waiting.pop(url, [])
            if isinstance(got, Fetched) and got.content is not None:
                rows.append(row_of(self.source, url, got))
            for claim, stored in waiting:
                if isinstance(got, Fetched) and got.content is not None:
                    told.append(Ready(claim, self._with(stored, got.content)))
                else:
                    told.append(Ready(claim, failure_of(got)))
        keep(self.source, rows)
        return told

    def _with(self, stored: Stored, content: bytes) -> Stored:
        at = self._urls[0]
        return (*stored[:at], content, *stored[at + 1 :])

    def _opened(self) -> Fetcher[str]:
        if self._fetcher is None:
            policy = self._field.fetched
            assert policy is not None
            self._fetcher = Fetcher(policy)
        return self._fetcher

    @property
    def _field(self) -> Field:
        return [*self.source.fields.values()][self._urls[0]]

    def of(self, pks: Sequence[Pk]) -> dict[Pk, Stored | Failure]:
        """What is stored for rows whose content was here before."""
        with self.source.database.read() as connection:
            found = self.source.contents(connection, pks)
            if not self._urls:
                return {**found}
            here = self._here(connection, found)
        told: dict[Pk, Stored | Failure] = {}
        for pk, stored in found.items():
            content = here.get(stored[self._urls[0]])
            gone = Failure("fetch", "what was fetched is no longer here")
            told[pk] = gone if content is None else self._with(stored, content)
        return told

    def close(self) -> None:
        """Ends all fetching."""
        if self._fetcher is not None:
            self._fetcher.close()
            self._fetcher = None


def kept(source: Source, connection: sa.Connection, urls: Sequence[str]) -> dict[str, bytes]:
    """What was fetched from these URLs before."""
    table, found = source.database.tables.fetched, {}
    for at in range(0, len(urls), 500):
        query = sa.select(table.c.url, table.c.content)
        some = query.where(table.c.url.in_(list(urls[at : at + 500])))
        found.update({url: bytes(content) for url, content in connection.execute(some)})
    return found


def row_of(source: Source, url: str, got: Fetched) -> dict[str, Any]:
    """What is recorded of something that was fetched."""
    field = next(field for field in source.fields.values() if field.fetched)
    key = Source(source.table, {"": field}).key((got.content,))
    return {"url": url, "content": got.content, "etag": got.etag, "at": time.time(), "key": key}


def keep(source: Source, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps what was fetched (CT2)."""
    if not rows:
        return
    table = source.database.tables.fetched
    new = source.database.insert(table)
    changed = {name: new.excluded[name] for name in ("content", "etag", "at", "key")}
    ordered = sorted(rows, key=lambda row: str(row["url"]))  # two listeners never wait in a circle
    with source.database.write() as connection:
        connection.execute(
            new.on_conflict_do_update(index_elements=[table.c.url], set_=changed), ordered
        )


def failure_of(error: Any) -> Failure:
    """Why something was not fetched."""
    if isinstance(error, PystoreError):
        return Failure("fetch", in_one_line(error.what), bool(getattr(error, "is_final", False)))
    return Failure("fetch", in_one_line(str(error)) or type(error).__name__)
