"""Slots: which processes of a listener live. A slot is held by a sign of life each second.

MZ1  What a process that was killed had claimed is free after some seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from secrets import token_hex

from pymongo.errors import DuplicateKeyError, PyMongoError

from ..slots import MOST, too_many
from .connections import DocumentConnections

_LEASE = 4.0  # [s] after its last sign of life, a process is taken for dead


class DocumentSlot:
    """The lowest number that no living process has; it is given up by `close`."""

    def __init__(self, database: DocumentConnections, source: str) -> None:
        self._slots, self._source = database.ours("slots"), source
        self._mine = {"token": token_hex(8)}
        self._stop = threading.Event()
        self.number = self._taken()
        self._thread = threading.Thread(target=self._live, name="pystore-slot", daemon=True)
        self._thread.start()

    def _id(self, number: int) -> str:
        return f"{self._source}/{number}"

    def _taken(self) -> int:
        for number in range(MOST):
            free = {"_id": self._id(number), "until": {"$lte": time.time()}}
            new = {"$set": {**self._mine, "until": time.time() + _LEASE}}
            try:
                self._slots.update_one(free, new, upsert=True)
            except DuplicateKeyError:  # a living process has it
                continue
            return number
        raise too_many()

    def _live(self) -> None:
        mine = {"_id": self._id(self.number), **self._mine}
        while not self._stop.wait(_LEASE / 4):
            try:
                self._slots.update_one(mine, {"$set": {"until": time.time() + _LEASE}})
            except PyMongoError:  # the database is away: the listener waits for it, too
                continue

    def dead(self, numbers: Iterable[int]) -> Iterator[int]:
        """Those of these slots that no living process has."""
        wanted = [number for number in numbers if number != self.number]
        found = self._slots.find(
            {"_id": {"$in": [*map(self._id, wanted)]}, "until": {"$gt": time.time()}}
        )
        living = {one["_id"] for one in found} if wanted else set()
        yield from (number for number in wanted if self._id(number) not in living)

    def close(self) -> None:
        """Gives the number to others."""
        self._stop.set()
        self._thread.join()
        try:
            self._slots.delete_one({"_id": self._id(self.number), **self._mine})
        except PyMongoError:  # the database is away: the slot is free in some seconds
            return
