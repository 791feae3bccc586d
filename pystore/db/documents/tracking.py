"""Tracking: which documents are work to do. State says what is left; a stream of changes wakes.

MT1  A change that is told twice, or late, makes work once: an entry knows the time of its last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from secrets import randbits, token_hex
from typing import Any

from bson import Timestamp
from pymongo import UpdateOne

from ..source import Pk, recorded_fields
from ..tracking import LEASE, NEVER, Claim, Mark
from .connections import Document, DocumentConnections, insert_new, write_all
from .source import DocumentSource, DocumentTable, ids, paged, pk_of

_SOME = 2000  # documents in one call


def fresh() -> Document:
    """The entry of a document that is work to do."""
    empty = dict.fromkeys(("key", "error", "phase", "owner", "claim"))
    return {**empty, "due": 0.0, "tries": 0, "stamp": randbits(62)}


class DocumentTracking:
    """The entries of a source in a collection of ours, one for each document, by its `_id`."""

    def __init__(self, source: DocumentSource) -> None:
        self.source = source
        self.database = source.database
        self.take_in: Callable[[], None] = lambda: None  # what a stream has told

    @property
    def rows(self) -> Any:
        """The collection of the entries."""
        return self.database.ours(f"rows_{self.source.name}")

    def install(self) -> None:
        """Makes the indexes of the entries."""
        self.rows.create_index([("key", 1), ("due", 1)])

    def reconcile(self) -> tuple[int, int]:
        """Gives each document its entry, and takes away the others: (added, removed)."""
        added = removed = 0
        for some in _missing(self.source.documents, self.rows):
            added += len(insert_new(self.rows, [{"_id": one, **fresh()} for one in some]))
        for some in _missing(self.rows, self.source.documents):
            removed += self._gone({"_id": {"$in": some}})
        return added, removed

    def told(self, changed: Mapping[Pk, Timestamp], gone: Mapping[Pk, Timestamp]) -> None:
        """Takes in changes that a stream has told, with their times (MT1)."""
        updates = [
            UpdateOne(
                {"_id": pk[0], "seen": {"$not": {"$gte": at}}},
                {"$set": {**fresh(), "seen": at}},
                upsert=True,
            )
            for pk, at in changed.items()
        ]
        write_all(self.rows, updates)
        ends = [*gone.items()]
        for at in range(0, len(ends), _SOME):
            late = [
                {"_id": pk[0], "seen": {"$not": {"$gte": when}}}
                for pk, when in ends[at : at + _SOME]
            ]
            self._gone({"$or": late})

    def _gone(self, where: Document) -> int:
        """Takes entries away; their keys are kept for those who forget."""
        found = self.rows.find({**where, "key": {"$ne": None}}, {"key": 1})
        gone = [{"source": self.source.name, "key": one["key"], "at": time.time()} for one in found]
        if gone:
            self.database.ours("deleted").insert_many(gone)
        return int(self.rows.delete_many(where).deleted_count)

    # --- as what the fields are declared

    def declare(self) -> str | None:
        """Records the kinds of the fields; returns those of before, if they were others (TK4)."""
        known, kinds = self.database.ours("sources"), self.source.kinds
        new = {"$set": {"kinds": kinds}}
        found = known.find_one_and_update({"_id": self.source.name}, new, upsert=True)
        before = None if found is None else str(found["kinds"])
        if before in (None, kinds):
            return None
        for page in paged(self.rows.find({}, {"_id": 1}), _SOME):
            self.redo(None, [pk_of(one["_id"]) for one in page])
        return before

    def declared(self) -> str | None:
        """The kinds of the fields that are recorded."""
        found = self.database.ours("sources").find_one({"_id": self.source.name})
        return None if found is None else str(found["kinds"])

    def undeclare(self) -> None:
        """Forgets the kinds of the fields."""
        self.database.ours("sources").delete_one({"_id": self.source.name})

    # --- claims

    def has_work(self, connection: Any) -> bool:
        """Whether a document is to be worked on now, also by what a stream has told meanwhile."""
        self.take_in()
        return self.rows.find_one({"key": None, "due": {"$lte": time.time()}}) is not None

    def claim(self, connection: Any, most: int, owner: int) -> list[Claim]:
        """At most so many documents without a key, which other processes leave alone from now."""
        if self.declared() != self.source.kinds:
            return []
        now, mine = time.time(), token_hex(8)
        undone = {"key": None, "due": {"$lte": now}}
        wanted = [one["_id"] for one in self.rows.find(undone, {}).sort("due", 1).limit(most)]
        some = {"_id": {"$in": wanted}}
        taken = {"due": now + LEASE, "owner": owner, "claim": mine}
        self.rows.update_many({**some, **undone}, {"$set": taken})
        found = self.rows.find({**some, "claim": mine}, {"stamp": 1, "tries": 1})
        return [Claim(pk_of(one["_id"]), int(one["stamp"]), one["tries"]) for one in found]

    def mark(self, connection: Any, marks: Sequence[Mark]) -> list[Mark]:
        """Notes what is known of documents that have not changed; none is to be marked again."""
        names = ("key", "due", "tries", "error", "phase")
        updates = [
            UpdateOne(
                {"_id": one.claim.pk[0], "stamp": one.claim.stamp},
                {"$set": {**{name: getattr(one, name) for name in names}, "owner": None}},
            )
            for one in marks
        ]
        write_all(self.rows, updates)
        return []

    # --- what is done again

    def owners(self, connection: Any) -> set[int]:
        """The processes that have claims."""
        return {*self.rows.distinct("owner", {"key": None, "owner": {"$ne": None}})}

    def free(self, owner: int) -> None:
        """Frees what a process that is gone had claimed."""
        free = {"due": 0.0, "owner": None, "claim": None}
        self.rows.update_many({"key": None, "owner": owner}, {"$set": free})

    def retry(self) -> int:
        """Makes failed documents work to do again."""
        again = {"due": 0.0, "tries": 0, "error": None, "phase": None}
        return int(self.rows.update_many({"error": {"$ne": None}}, {"$set": again}).matched_count)

    def redo(self, connection: Any, pks: Sequence[Pk]) -> int:
        """Makes documents work to do again, whatever was known of them."""
        updates = [UpdateOne({"_id": one}, {"$set": fresh()}) for one in ids(pks)]
        write_all(self.rows, updates)
        return len(updates)

    def rows_of(self, connection: Any, keys: Sequence[bytes]) -> Mapping[bytes, Pk]:
        """One document for each of these keys that a document has."""
        found = self.rows.find({"key": {"$in": [*keys]}}, {"key": 1})
        return {one["key"]: pk_of(one["_id"]) for one in found}

    def pages(self, most: int) -> Iterator[list[tuple[Pk, bytes | None]]]:
        """Documents that have a key, or had no content, so many at a time."""
        is_idle = {"due": {"$gte": NEVER}, "error": None}
        found = self.rows.find({"$or": [{"key": {"$ne": None}}, is_idle]}, {"key": 1})
        for page in paged(found.sort("_id", 1), most):
            yield [(pk_of(one["_id"]), one["key"]) for one in page]

    def keys(self, after: bytes, most: int) -> list[bytes]:
        """The next keys of documents in their order, some of them several times."""
        query = self.rows.find({"key": {"$gt": after}}, {"key": 1, "_id": 0})
        return [one["key"] for one in query.sort("key", 1).limit(most)]

    def all_keys(self) -> Iterator[list[bytes]]:
        """The keys of documents, some at a time, each once."""
        after = b""
        while some := self.keys(after, _SOME):
            yield [*dict.fromkeys(some)]
            after = some[-1]


def recorded(database: DocumentConnections, listener: Mapping[str, Any]) -> DocumentTracking:
    """The entries of what a listener reads, as it is recorded."""
    table = DocumentTable(database, listener["collection"])
    return DocumentTracking(DocumentSource(table, recorded_fields(listener["field"])))


def _missing(of: Any, there: Any) -> Iterator[list[Any]]:
    """The `_id`s of documents that have none in the other collection, some at a time."""
    for page in paged(of.find({}, {"_id": 1}).sort("_id", 1), _SOME):
        wanted = [one["_id"] for one in page]
        known = {pk_of(one["_id"]) for one in there.find({"_id": {"$in": wanted}}, {"_id": 1})}
        missing = [one for one in wanted if pk_of(one) not in known]
        if missing:
            yield missing
