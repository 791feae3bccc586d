"""Rechecking: finds rows that have changed without a word, as where there are no triggers.

RK1  A row whose content is another one than its prediction is for becomes work to do again.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from .contents import Contents
from .errors import BadContent
from .source import Pk, behind
from .tracking import NEVER, Failure, Tracking


class Recheck:
    """One look at all entries, some at a time; it makes no calls of a model."""

    def __init__(self, tracking: Tracking, contents: Contents) -> None:
        self._tracking, self._contents = tracking, contents
        self._database = tracking.database
        self._after: Pk | None = None
        self.is_over = False

    def step(self, most: int) -> int:
        """Looks at some entries; returns how many rows have become work to do again."""
        page = self._page(most)
        self.is_over = len(page) < most
        if not page:
            return 0
        self._after = page[-1][0]
        found = self._contents.of([pk for pk, _ in page])
        other = [pk for pk, key in page if self._is_other(key, found.get(pk))]
        if not other:
            return 0
        with self._database.write() as connection:
            return self._tracking.redo(connection, other)

    def _page(self, most: int) -> list[tuple[Pk, bytes | None]]:
        """Entries of rows that have a key, or had no content, in the order of their keys."""
        state, pks = self._tracking.state.c, self._tracking.pks
        is_idle = (state.due >= NEVER) & state.error.is_(None)
        query = sa.select(*pks, state.key).where(state.key.is_not(None) | is_idle)
        if self._after is not None:
            query = query.where(behind(pks, self._after))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(*pks).limit(most)).all()
        return [(tuple(row[:-1]), row[-1]) for row in rows]

    def _is_other(self, key: bytes | None, stored: Sequence[object] | Failure | None) -> bool:
        if stored is None:
            return False  # the row is gone, which `reconcile` finds
        if isinstance(stored, Failure):
            return True  # its URL is another one, or what was fetched is gone
        if all(one is None for one in stored):
            return key is not None
        try:
            return key is None or self._tracking.source.key(stored) != bytes(key)
        except BadContent:
            return True
