"""Rechecking: finds rows that have changed without a word, as where there are no triggers.

RK1  A row whose content is another one than its prediction is for becomes work to do again.
"""

from __future__ import annotations

from collections.abc import Sequence

from .connections import Connections
from .contents import Contents
from .errors import BadContent
from .port import Tracking
from .tracking import Failure


class Recheck:
    """One look at all entries, some at a time; it makes no calls of a model."""

    def __init__(
        self, database: Connections, tracking: Tracking, contents: Contents, most: int
    ) -> None:
        self._tracking, self._contents = tracking, contents
        self._database = database
        self._pages = tracking.pages(most)
        self.is_over = False

    def step(self) -> int:
        """Looks at some entries; returns how many rows have become work to do again."""
        page = next(self._pages, None)
        self.is_over = page is None
        if not page:
            return 0
        found = self._contents.of([pk for pk, _ in page])
        other = [pk for pk, key in page if self._is_other(key, found.get(pk))]
        if not other:
            return 0
        with self._database.write() as connection:
            return self._tracking.redo(connection, other)

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
