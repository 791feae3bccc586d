"""Ledger: predictions by model and key, and what each listener shows of them, in documents.

MG1  A document that comes while a model takes over has a prediction of that model, too: whoever
     marks it looks afterwards who needs one.
MG2  One write changes from one model to the next, for all documents.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from secrets import token_hex
from typing import Any

import bson
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from ..register import Entry, Standing
from ..tracking import LEASE, NEVER, Failure, Mark, Outcome, due_again
from .connections import Document, insert_new, write_all
from .tracking import DocumentTracking

_AGAIN = 0.5  # [s] until a content is looked for again whose document was just changed
_OPEN = {"open": 1}  # of what has no prediction, or failed


def number_of(model: int, key: bytes) -> bytes:
    """The `_id` of the prediction of a model for a key."""
    return model.to_bytes(4, "big") + key


class DocumentLedger:
    """The predictions of one listener, in the collections of ours."""

    def __init__(self, entry: Entry, tracking: DocumentTracking) -> None:
        self.entry, self.tracking = entry, tracking
        self.database = tracking.database
        self.id = f"{entry.collection}/{entry.name}"

    @property
    def _made(self) -> Any:
        return self.database.ours("predictions")

    @property
    def _own(self) -> Any:
        return self.database.ours("listeners")

    # --- the listener, as it is recorded

    def register(self) -> None:
        """Records the listener. Raises BadDatabase when its name has another field or predictor."""
        told = {**asdict(self.entry), "writes": [], "outputs": [*self.entry.outputs.items()]}
        new = {"shown": None, "target": None, "is_full": False}
        self._own.update_one({"_id": self.id}, {"$setOnInsert": {**told, **new}}, upsert=True)
        self.check_same()
        recorded = self._own.find_one({"_id": self.id}) or {}
        if self.entry.shows_others(dict(recorded["outputs"])):
            told |= new
        self._own.update_one({"_id": self.id}, {"$set": told})

    def check_same(self) -> None:
        """Raises BadDatabase where its name is recorded for another field or predictor."""
        recorded = self._own.find_one({"_id": self.id})
        if recorded is not None:
            self.entry.check_same(recorded)

    def standing(self) -> Standing | None:
        """What is shown and what is filled; None when the listener was removed."""
        return _standing(self._own.find_one({"_id": self.id}))

    def was_removed(self) -> bool:
        """Whether somebody has removed it; where nothing of ours is there, nobody has."""
        return self.database.check() and self.standing() is None

    def note(self, process: str, note: str | None, behind_since: float | None) -> None:
        """Records that a process is at work, since when it is behind, and what keeps it."""
        told = {"alive": time.time(), "process": process, "note": note}
        self._own.update_one({"_id": self.id}, {"$set": {**told, "behind_since": behind_since}})

    def ended(self, process: str) -> None:
        """Records that a process is no longer at work."""
        self._own.update_one({"_id": self.id, "process": process}, {"$set": {"alive": None}})

    def take(self, rref: str, code: str) -> Standing | None:
        """Makes a model the one to fill; the first one is shown at once. None: it was removed."""
        model = self._model(rref, code)
        is_same = {"$eq": ["$target", model]}
        new = {
            "target": model,
            "shown": {"$ifNull": ["$shown", model]},
            "is_full": {"$and": ["$is_full", is_same]},
        }
        found = self._own.find_one_and_update(
            {"_id": self.id}, [{"$set": new}], return_document=ReturnDocument.AFTER
        )
        return _standing(found)

    def _model(self, rref: str, code: str) -> int:
        models, same = self.database.ours("models"), {"rref": rref, "code": code}
        while (found := models.find_one(same)) is None:
            last = models.find_one({}, sort=[("_id", -1)]) or {"_id": 0}
            try:
                models.insert_one({"_id": last["_id"] + 1, **same})
            except DuplicateKeyError:  # another process was quicker
                continue
        return int(found["_id"])

    def model(self, number: int) -> tuple[str, str]:
        """The realization and the code of a model."""
        found = self.database.ours("models").find_one({"_id": number}) or {}
        return found["rref"], found["code"]

    def needed(self, connection: Any = None) -> set[int]:
        """The models that a new document needs: what is filled here, and all of other listeners."""
        found: set[int | None] = set()
        for one in self._own.find({"collection": self.entry.collection, "field": self.entry.field}):
            found |= {one["target"]} if one["_id"] == self.id else {one["shown"], one["target"]}
        return {one for one in found if one is not None}

    def is_alone(self) -> bool:
        """Whether no other listener has the same source."""
        same = {"collection": self.entry.collection, "field": self.entry.field}
        return self._own.find_one({**same, "_id": {"$ne": self.id}}) is None

    def remove(self) -> None:
        """Forgets the listener; predictions stay."""
        self._own.delete_one({"_id": self.id})

    # --- claims

    def there(
        self, connection: Any, models: Collection[int], keys: Sequence[bytes]
    ) -> set[tuple[int, bytes]]:
        """Those of these models and keys that have a prediction, or that failed."""
        wanted = [number_of(model, key) for model in models for key in keys]
        is_done = {"$or": [{"open": None}, {"error": {"$ne": None}}]}
        found = self._made.find({"_id": {"$in": wanted}, **is_done}, {"model": 1, "key": 1})
        return {(one["model"], one["key"]) for one in found}

    def claim_due(self, model: int, most: int, owner: int) -> list[bytes]:
        """Keys whose prediction is due again, or was left to be made; ours from now on."""
        now, mine = time.time(), token_hex(8)
        waiting = {"model": model, **_OPEN, "due": {"$lte": now}}
        wanted = [one["_id"] for one in self._made.find(waiting, {}).limit(most)]
        if not wanted:
            return []
        some = {"_id": {"$in": wanted}}
        taken = {"due": now + LEASE, "owner": owner, "claim": mine}
        self._made.update_many({**some, **waiting}, {"$set": taken})
        return [one["key"] for one in self._made.find({**some, "claim": mine}, {"key": 1})]

    def claim_missing(
        self, model: int, after: bytes, most: int, owner: int
    ) -> tuple[list[bytes], bytes | None]:
        """Keys of documents without a prediction, in the order of the keys, and where to go on.

        Those that another process works on are left out. None: there are no more.
        """
        while some := self.tracking.keys(after, most):
            missing = self._without(model, [*dict.fromkeys(some)])
            after = some[-1]
            if missing:
                return self._insert([model], missing, time.time() + LEASE, owner), after
        return [], None

    def _without(self, model: int, keys: Sequence[bytes]) -> list[bytes]:
        """Those of these keys with which nobody has begun."""
        wanted = [number_of(model, key) for key in keys]
        there = {one["_id"] for one in self._made.find({"_id": {"$in": wanted}}, {"_id": 1})}
        return [key for key, one in zip(keys, wanted, strict=True) if one not in there]

    def leave(self, connection: Any, models: Collection[int], keys: Collection[bytes]) -> None:
        """Leaves keys to be predicted by whoever has these models; what is there stays."""
        self._insert(models, keys, 0.0, None)

    def _insert(
        self, models: Collection[int], keys: Collection[bytes], due: float, owner: int | None
    ) -> list[bytes]:
        new = [
            {"_id": number_of(model, key), "model": model, "key": key, "due": due, "tries": 0}
            | {"error": None, "owner": owner, **_OPEN}
            for model in models
            for key in keys
        ]
        return [one["key"] for one in insert_new(self._made, new)]

    # --- what is made

    def take_in(
        self, connection: Any, made: Mapping[int, Sequence[Outcome]], marks: Sequence[Mark]
    ) -> list[Mark]:
        """Keeps what the models said, leaves the rest to others, marks documents (MG1)."""
        keys = {mark.key for mark in marks if mark.key is not None}
        others = self.needed() - {*made}
        for model, values in made.items():
            self.put(connection, model, values)
        self.leave(connection, others, keys)
        left = self.tracking.mark(connection, marks)
        self.leave(connection, self.needed() - {*made} - others, keys)
        return left

    def put(self, connection: Any, model: int, made: Iterable[Outcome]) -> None:
        """Keeps predictions and failures; a prediction that is there stays."""
        told = {key: _kept(one) for key, one in made}
        failed = [number_of(model, key) for key, one in told.items() if isinstance(one, Failure)]
        known = self._made.find({"_id": {"$in": failed}}, {"key": 1, "tries": 1})
        tried = {one["key"]: one["tries"] for one in known}
        updates = []
        for key, one in told.items():
            same = {"model": model, "key": key, "owner": None}
            mine = {"_id": number_of(model, key), **_OPEN}
            tries = tried.get(key, 0) + 1
            new = {**same, **(_failed(one, tries) if isinstance(one, Failure) else _done(one))}
            gone = {} if isinstance(one, Failure) else {"$unset": _OPEN}
            updates.append(UpdateOne(mine, {"$set": new, **gone}, upsert=True))
        write_all(self._made, updates)

    def drop(self, connection: Any, model: int, keys: Sequence[bytes]) -> None:
        """Gives up claims of keys whose document was not found; those that one has are due."""
        if not keys:
            return
        used = {*self.tracking.rows_of(connection, keys)}
        numbers = {
            has: [number_of(model, key) for key in keys if (key in used) == has]
            for has in (True, False)
        }
        later = {"due": time.time() + _AGAIN, "owner": None}
        self._made.update_many({"_id": {"$in": numbers[True]}, **_OPEN}, {"$set": later})
        self._made.delete_many({"_id": {"$in": numbers[False]}, **_OPEN})

    # --- swap

    def swap(self, standing: Standing, most_lost: float) -> tuple[bool, float]:
        """Shows the target when nothing is left to do for it: (whether it did, share lost)."""
        target = standing.target
        if target is None or self._is_pending(target):
            return False, 0.0
        if any(self._without(target, keys) for keys in self.tracking.all_keys()):
            return False, 0.0
        lost = self._lost(standing.shown, target)
        if lost > most_lost:
            return False, lost
        if self._is_pending(target):
            return False, 0.0
        new = {"$set": {"shown": target, "is_full": True}}
        return bool(
            self._own.update_one({"_id": self.id, "target": target}, new).matched_count
        ), lost

    def _is_pending(self, model: int) -> bool:
        """Whether a prediction of a model is left to be made, or somebody makes it."""
        return self._made.find_one({"model": model, **_OPEN, "error": None}) is not None

    def _lost(self, shown: int | None, target: int) -> float:
        """The share of keys with a prediction of the shown model for which the target failed."""
        failed = {"model": target, **_OPEN, "error": {"$ne": None}}
        bad = {one["key"] for one in self._made.find(failed, {"key": 1})}
        if shown in (None, target) or not bad:
            return 0.0
        total = lost = 0
        for keys in self.tracking.all_keys():
            wanted = {"_id": {"$in": [number_of(shown, key) for key in keys]}, "open": None}
            could = [one["key"] for one in self._made.find(wanted, {"key": 1})]
            total, lost = total + len(could), lost + len(bad.intersection(could))
        return lost / total if total else 0.0

    # --- what is left

    def _listened(self) -> list[int]:
        standing = self.standing()
        both = () if standing is None else (standing.shown, standing.target)
        return [one for one in both if one is not None]

    def owners(self, connection: Any) -> set[int]:
        """The processes that have claims of predictions of this listener."""
        mine = {"model": {"$in": self._listened()}, **_OPEN, "owner": {"$ne": None}}
        return {*self._made.distinct("owner", mine)}

    def free(self, owner: int) -> None:
        """Frees what a process that is gone had claimed."""
        mine = {"model": {"$in": self._listened()}, **_OPEN, "owner": owner}
        self._made.update_many(mine, {"$set": {"due": 0.0, "owner": None, "claim": None}})

    def retry(self) -> int:
        """Makes what has failed work to do again: fetching, decoding and predicting."""
        failed = {"model": {"$in": self._listened()}, **_OPEN, "error": {"$ne": None}}
        again = {"due": 0.0, "tries": 0, "error": None, "phase": None}
        told = self._made.update_many(failed, {"$set": again})
        return int(told.matched_count) + self.tracking.retry()

    def is_idle(self, models: Collection[int]) -> bool:
        """Whether nothing is to be done now by those who have these models."""
        standing, now = self.standing(), time.time()
        if standing is None:
            return True
        if standing.target is None or not standing.is_full:
            return False
        waits: list[Document] = [{"due": {"$lte": now}}, {"owner": {"$ne": None}}]
        if self.tracking.rows.find_one({"key": None, "$or": waits}) is not None:
            return False
        mine = {"model": {"$in": [*{*models, standing.target}]}, **_OPEN}
        return self._made.find_one({**mine, "$or": [*waits, {"error": None}]}) is None

    def failed_for_good(self) -> int:
        """How many documents are not tried again: those of them, and those of their contents."""
        rows, standing = self.tracking.rows, self.standing()
        bad = rows.count_documents({"error": {"$ne": None}, "due": {"$gte": NEVER}})
        shown = None if standing is None else standing.shown
        final = {"model": shown, **_OPEN, "error": {"$ne": None}, "due": None}
        keys = [one["key"] for one in self._made.find(final, {"key": 1})]
        return int(bad) + int(rows.count_documents({"key": {"$in": keys}}))


def _standing(found: Document | None) -> Standing | None:
    return None if found is None else Standing(found["shown"], found["target"], found["is_full"])


def _kept(one: Any) -> Any:
    """What is kept of a prediction; a failure where MongoDB cannot keep it."""
    try:
        bson.encode({"value": None if isinstance(one, Failure) else one})
    except (bson.errors.BSONError, OverflowError) as error:
        return Failure("predict", f"MongoDB keeps no such value: {error}"[:200], is_final=True)
    return one


def _done(value: Any) -> Document:
    return {"value": value, "made": time.time(), "due": None, "error": None, "phase": None}


def _failed(failure: Failure, tries: int) -> Document:
    due = due_again(tries, failure.is_final, time.time())
    return {"error": failure.error, "phase": failure.phase, "due": due, "tries": tries}
