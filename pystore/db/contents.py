"""Contents: what is stored in the listened fields of claimed rows; URLs are fetched meanwhile.

CT1  A slow URL holds up no other row.
CT2  What was fetched is kept by its URL, and asked for again when it is old.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.errors import PystoreError, in_one_line
from .errors import BadField
from .fetching import Fetched, Fetcher, Policy
from .kept_files import KeptFiles
from .source import Pk, Source
from .tracking import Claim, Failure

_MOST = 10_000  # claimed rows that wait for a fetch
_LATER = 3600.0  # [s] until a URL is tried again that did not answer when its content was old

Stored = tuple[Any, ...]
Redo = Callable[[Any, Sequence[Pk]], int]
"""Makes rows work to do again, on a connection that writes."""


class Ready(NamedTuple):
    """A claimed row with what is stored for it; None: the row is gone, or has no content."""

    claim: Claim
    stored: Stored | Failure | None


class Contents:
    """Gives claimed rows their contents, in the order in which these arrive."""

    def __init__(self, source: Source, files: KeptFiles, redo: Redo) -> None:
        self.source = source
        self._files, self._redo = files, redo
        self._urls = [n for n, field in enumerate(source.fields.values()) if field.fetched]
        self._waiting: dict[str, list[tuple[Claim, Stored]]] = {}
        self._old: set[str] = set()  # URLs that are asked for again
        self._ready: list[Ready] = []
        self._fetcher: Fetcher[str] | None = None
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

    def start(self, connection: Any, claims: Sequence[Claim]) -> None:
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

    def _here(self, connection: Any, found: dict[Pk, Stored]) -> dict[str, bytes]:
        urls = [one[self._urls[0]] for one in found.values()]
        return self._files.of(connection, [url for url in urls if isinstance(url, str)])

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
                rows.append(self._files.row(url, got))
            if url in self._old:
                old[url] = got
            for claim, stored in waiting:
                if isinstance(got, Fetched) and got.content is not None:
                    told.append(Ready(claim, self._with(stored, got.content)))
                else:
                    told.append(Ready(claim, failure_of(got)))
        changed = self._changed(old, rows) if old else []
        self._files.keep(rows)
        if changed:
            with self.source.database.write() as connection:
                self._redo(connection, self._files.rows_with(connection, changed))
        return told

    # --- what is old

    def refetch(self) -> int:
        """Asks again for what is old, where a row has its URL (CT2); returns how many URLs."""
        if not self._urls:
            return 0
        found = self._files.old(time.time() - self._policy.max_age)
        for url, etag in found:
            if url not in self._waiting:
                self._waiting[url] = []
                self._old.add(url)
                self._opened().submit(url, url, etag)
        return len(found)

    def _changed(self, old: dict[str, Any], rows: Sequence[dict[str, Any]]) -> list[str]:
        """The URLs that lead to another content now; notes that the others were asked for."""
        new, now = {row["url"]: row["key"] for row in rows}, time.time()
        later = now - self._policy.max_age + _LATER
        same = {url: now if isinstance(got, Fetched) else later for url, got in old.items()}
        asked = {url: at for url, at in same.items() if url not in new}
        before = self._files.asked([*old], asked)
        self._old -= old.keys()
        return [url for url in old if url in new and new[url] != before.get(url)]

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


def failure_of(error: Any) -> Failure:
    """Why something was not fetched."""
    if isinstance(error, PystoreError):
        return Failure("fetch", in_one_line(error.what), bool(getattr(error, "is_final", False)))
    return Failure("fetch", in_one_line(str(error)) or type(error).__name__)
