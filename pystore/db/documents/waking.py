"""Waking: a stream of changes tells which documents are work to do.

MW1  A stream that is lost costs a look at each document, never a document.
MW2  Who waits until nothing is due waits for the changes that were made before.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import Any

from bson import Timestamp
from pymongo.errors import OperationFailure, PyMongoError

from ..errors import BadDatabase
from ..source import Pk
from .source import pk_of
from .tracking import DocumentTracking

_MARKS = "marks"  # the collection of what is written to find it again in the stream
_OF_ROWS = ("insert", "update", "replace", "delete")


def stream_of(tracking: DocumentTracking) -> Any:
    """The changes from now on; None where the server tells none."""
    database = tracking.database
    if not database.is_replicated:
        return None
    # The documents themselves are not sent: they are read by whoever works on them.
    names = ("operationType", "documentKey", "clusterTime", "updateDescription", "ns")
    wanted = {"$in": [tracking.source.table.name, database.ours(_MARKS).name]}
    meant: list[dict[str, Any]] = [{"ns.coll": wanted}, {"operationType": "dropDatabase"}]
    pipeline: list[dict[str, Any]] = [
        {"$match": {"$or": meant}},
        {"$project": dict.fromkeys(names, 1)},
    ]
    try:
        return database.named.watch(pipeline, max_await_time_ms=500)
    except OperationFailure as error:
        if error.code == 13:  # no right to it, which is told
            raise
        return None


class Changes:
    """Reads a stream in a thread, and takes in what it tells where work is looked for."""

    def __init__(self, tracking: DocumentTracking, stream: Any) -> None:
        self._tracking, self._stream = tracking, stream
        fields = tracking.source.fields.items()
        self._paths = [tuple((field.at or name).split(".")) for name, field in fields]
        self._told: SimpleQueue[Any] = SimpleQueue()
        self._is_told = threading.Event()
        self._is_closed = False
        self._seen: set[str] = set()  # marks
        tracking.take_in = self.take_in
        self._thread = threading.Thread(target=self._read, name="pystore-changes", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._is_closed:
            try:
                told = self._stream.try_next()
                told = told or (None if self._stream.alive else {"operationType": "invalidate"})
            except (PyMongoError, StopIteration) as error:
                told = error
            if told is not None:
                self._told.put(told)
                self._is_told.set()
            if isinstance(told, Exception) or not self._stream.alive:
                return

    def take_in(self) -> None:
        """Makes the documents work that were told. Raises BadDatabase for a lost stream (MW1)."""
        changed: dict[Pk, Timestamp] = {}
        gone: dict[Pk, Timestamp] = {}
        marks: set[str] = set()
        self._is_told.clear()
        try:
            while True:
                self._note(self._told.get_nowait(), changed, gone, marks)
        except Empty:
            self._tracking.told(changed, gone)
        if marks:
            self._tracking.database.ours(_MARKS).delete_many({"_id": {"$in": [*marks]}})
            self._seen |= marks

    def _note(
        self,
        told: Any,
        changed: dict[Pk, Timestamp],
        gone: dict[Pk, Timestamp],
        marks: set[str],
    ) -> None:
        what = "" if isinstance(told, Exception) else told["operationType"]
        if what not in _OF_ROWS:
            self._told.put(told)  # whoever looks again meets it again
            raise BadDatabase(
                f"the changes of {self._tracking.source.table.name} are told no more",
                because=what or str(told)[:200],
                remedy="a listener looks at each document again, and goes on",
            )
        key, at = told["documentKey"]["_id"], told["clusterTime"]
        if told["ns"]["coll"] != self._tracking.source.table.name:
            marks.add(str(key))
        elif what == "delete":
            changed.pop(pk_of(key), None)
            gone[pk_of(key)] = at
        elif what != "update" or self._is_listened(told.get("updateDescription") or {}):
            gone.pop(pk_of(key), None)
            changed[pk_of(key)] = at

    def _is_listened(self, told: Any) -> bool:
        """Whether an update has changed what is listened to, as far as one can tell."""
        if told.get("disambiguatedPaths"):  # a key with a dot in it
            return True
        names = [*told.get("updatedFields", ()), *told.get("removedFields", ())]
        names += [one["field"] for one in told.get("truncatedArrays") or ()]
        paths = [tuple(one.split(".")) for one in names]
        return any(_meet(path, own) for path in paths for own in self._paths)

    def mark(self) -> str:
        """Writes a mark, which comes in the stream after all that was changed before (MW2)."""
        mark = token_hex(8)
        self._tracking.database.ours(_MARKS).insert_one({"_id": mark})
        return mark

    def has_seen(self, mark: str) -> bool:
        """Whether all was taken in that was changed before a mark."""
        return mark in self._seen

    def wait(self, patience: float, stop: threading.Event) -> bool:
        """Waits until there is a change, or the time [s] is over."""
        is_told = not stop.is_set() and self._is_told.wait(patience)
        self.take_in()
        return is_told

    def close(self) -> None:
        """Ends the stream."""
        self._is_closed = True
        self._tracking.take_in = lambda: None
        self._stream.close()
        self._thread.join()


def _meet(path: tuple[str, ...], own: tuple[str, ...]) -> bool:
    """Whether one path leads to the other, or below it."""
    return path[: len(own)] == own[: len(path)]
