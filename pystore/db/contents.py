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
from .fetching import Fetched, Fetcher, Policy
from .source import Pk, Source
from .tracking import Claim, Failure, Tracking

_MOST = 10_000  # claimed rows that wait for a fetch
_SOME = 500  # URLs that are asked for again at a time
_LATER = 3600.0  # [s] until a URL is tried again that did not answer when its content was old

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
        self._old: set[str] = set()  # URLs that are asked for again
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
        """Whether rows wait for something that is fetched."""
        return any(self._waiting.values())

    @property
    def is_pending(self) -> bool:
        """Whether anything is fetched, for rows or because it is old."""
        return bool(self._waiting or self._ready)

    @property
    def is_full(self) -> bool:
        """Whether so many rows wait that no others should be claimed."""
        return sum(map(len, self._waiting.values())) >= _MOST

    def start(self, connection: sa.Connection, claims: Sequence[Claim]) -> None:
        """Reads what these rows have, and begins to fetch what is not here."""
        if not claims:
            return
        found = self.source.contents(connection, [claim.pk for claim in claims])
        here = self._here(connection, found) if self._urls else {}
        for claim in claims:
            stored = found.get(claim.pk)
            if stored is None or (stored[0] is None and all(one is None for one in stored)):
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

    def ready(self) -> list[Ready]:
        """What is here by now, of what was begun or has arrived."""
        told, self._ready = self._ready, []
        return told

    def arrive(self, patience: float = 0.0) -> None:
        """Takes what was fetched, for `ready`; waits at most so long [s] for the first.

        It writes, and belongs outside of all transactions.
        """
        if self._waiting:
            self._ready += self._arrived(patience)

    def _arrived(self, patience: float) -> list[Ready]:
        told, rows, old = [], [], {}
        for url, got in self._opened().done(patience):
            waiting = self._waiting.pop(url, [])
            if isinstance(got, Fetched) and got.content is not None:
                rows.append(row_of(self.source, url, got))
            if url in self._old:
                old[url] = got
            for claim, stored in waiting:
                if isinstance(got, Fetched) and got.content is not None:
                    told.append(Ready(claim, self._with(stored, got.content)))
                else:
                    told.append(Ready(claim, failure_of(got)))
        changed = self._changed(old, rows) if old else []
        keep(self.source, rows)
        if changed:
            self._redo(changed)
        return told

    # --- what is old

    def refetch(self) -> int:
        """Asks again for what is old, where a row has its URL (CT2); returns how many URLs."""
        if not self._urls:
            return 0
        table, old = self._table.c, time.time() - self._policy.max_age
        is_old = (table.at < old,)
        with self.source.database.read() as connection:
            if connection.execute(sa.select(table.url).where(*is_old).limit(1)).first() is None:
                return 0
            named = sa.select(self.source.url([*self.source.fields][self._urls[0]])).select_from(
                self.source.selectable
            )
            query = sa.select(table.url, table.etag).where(*is_old, table.url.in_(named))
            found = connection.execute(query.order_by(table.at).limit(_SOME)).all()
        for url, etag in found:
            if url not in self._waiting:
                self._waiting[url] = []
                self._old.add(url)
                self._opened().submit(url, url, etag)
        return len(found)

    def _changed(self, old: dict[str, Any], rows: Sequence[dict[str, Any]]) -> list[str]:
        """The URLs that lead to another content now; notes that the others were asked for."""
        table, now = self._table, time.time()
        new = {row["url"]: row["key"] for row in rows}
        with self.source.database.write() as connection:
            query = sa.select(table.c.url, table.c.key).where(table.c.url.in_([*old]))
            before = {url: bytes(key) for url, key in connection.execute(query)}
            for url in sorted(old.keys() - new.keys()):
                is_same = isinstance(old[url], Fetched)
                at = now if is_same else now - self._policy.max_age + _LATER
                connection.execute(sa.update(table).where(table.c.url == url).values(at=at))
        self._old -= old.keys()
        return [url for url in old if url in new and new[url] != before.get(url)]

    def _redo(self, urls: Sequence[str]) -> None:
        """Makes the rows with these URLs work to do again."""
        source = self.source
        with source.database.write() as connection:
            query = sa.select(*source.pk_columns).where(
                self.source.url([*self.source.fields][self._urls[0]]).in_(urls)
            )
            pks = [tuple(row) for row in connection.execute(query)]
            Tracking(source).redo(connection, pks)

    def _with(self, stored: Stored, content: bytes) -> Stored:
        at = self._urls[0]
        return (*stored[:at], content, *stored[at + 1 :])

    def _opened(self) -> Fetcher[str]:
        if self._fetcher is None:
            self._fetcher = Fetcher(self._policy)
        return self._fetcher

    @property
    def _policy(self) -> Policy:
        policy = [*self.source.fields.values()][self._urls[0]].fetched
        assert policy is not None
        return policy

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
