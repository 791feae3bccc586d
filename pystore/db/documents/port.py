"""Port: how the other rooms reach MongoDB."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from bson import ObjectId
from pymongo.errors import OperationFailure, PyMongoError

from ..connections import Connections
from ..contents import Contents
from ..declared import Declared
from ..errors import BadField
from ..register import Entry
from ..source import Pk, Source
from ..sql_port import listened_as
from .connections import DocumentConnections, is_away
from .installation import DocumentInstallation
from .kept_files import DocumentKeptFiles
from .ledger import number_of
from .outputs import keys_of
from .slots import DocumentSlot
from .source import DocumentSource, pk_of, plain
from .tracking import DocumentTracking, recorded


class DocumentPort:
    """The port of a database of MongoDB."""

    failures: tuple[type[Exception], ...] = (PyMongoError,)

    def __init__(self, database: Connections) -> None:
        assert isinstance(database, DocumentConnections)
        self.database: Any = database

    def can_get_better(self, error: Exception) -> bool:
        """Whether it may by waiting: a server that is away, or that others keep busy."""
        assert isinstance(error, PyMongoError)
        return is_away(error) or isinstance(error, OperationFailure)

    # --- listeners

    def installation(self, entry: Entry, source: Source, **how: Any) -> DocumentInstallation:
        """The collections and views of a listener."""
        return DocumentInstallation(entry, _own(source), **how)

    def write_back(self, made: Any, given: Any) -> NoReturn:
        """Raises BadField: nothing is written into the documents themselves."""
        raise BadField(
            "a listener in MongoDB takes no write_back=",
            given=given,
            remedy="leave it out, and read the view of the listener",
        )

    def contents(self, source: Source) -> Contents:
        """What gives claimed documents their contents."""
        return Contents(source, self.files(source), DocumentTracking(_own(source)).redo)

    def files(self, source: Source) -> DocumentKeptFiles:
        """What was fetched for a source."""
        return DocumentKeptFiles(_own(source))

    def slot(self, source: str) -> DocumentSlot:
        """A number that no living process of a source has."""
        return DocumentSlot(self.database, source)

    def forget_deleted(self, source: str) -> int:
        """Removes what was made of deleted documents, unless another one has the same content."""
        gone, mine = self.database.ours("deleted"), {"source": source}
        keys = gone.distinct("key", mine)
        used: set[bytes] = set()
        for one in self.database.ours("listeners").find():
            used |= {*recorded(self.database, one).rows_of(None, keys)}
        free = {"key": {"$in": [key for key in keys if key not in used]}}
        for name in ("predictions", "fetched"):
            self.database.ours(name).delete_many(free)
        gone.delete_many({**mine, "key": {"$in": keys}})
        return len(keys)

    # --- snapshots

    def snapshot(self, collection: str, name: str) -> dict[str, Any] | None:
        """What is recorded of a snapshot under a name."""
        with self.database.read():
            self.database.check()
            found = self.database.ours("snapshots").find_one({"_id": f"{collection}/{name}"})
        return None if found is None else dict(json.loads(found["config"]))

    def record_snapshot(
        self, collection: str, name: str, told: Mapping[str, Any], *, retake: bool
    ) -> dict[str, Any]:
        """Records a snapshot under a name, unless there is one; returns what has the name now."""
        key = f"{collection}/{name}"
        values = {"collection": collection, "name": name, "dref": told["dref"]}
        values |= {"config": json.dumps(told["config"]), "taken": time.time()}
        with self.database.write():
            self.database.install()
            known = self.database.ours("snapshots")
            known.update_one(
                {"_id": key}, {"$set" if retake else "$setOnInsert": values}, upsert=True
            )
            return dict(json.loads(known.find_one({"_id": key})["config"]))

    def snapshot_names(self) -> dict[str, str]:
        """The names of the recorded snapshots, by their derivations."""
        with self.database.read():
            found = self.database.ours("snapshots").find()
            return {one["dref"]: one["name"] for one in found}

    # --- lineage, and forgetting

    def shown(self, collection: Declared, pk: Pk, listener: str) -> tuple[Any, Any, Any]:
        """What is recorded of a listener, of a document, and of what is shown for it."""
        ours = self.database.ours
        with self.database.read():
            row = ours("listeners").find_one({"_id": f"{collection.name}/{listener}"})
            if row is None:
                return None, None, None
            row = {"note": None, **row, "outputs": dict(row["outputs"])}
            source = _own(listened_as(collection, row["field"], listener))
            pk = pk_of(pk[0])
            contents = source.contents(None, [pk])
            if pk not in contents:
                return row, None, None
            entry = DocumentTracking(source).rows.find_one({"_id": pk[0]}) or {}
            key = keys_of(source, contents).get(pk)
            entry = {"error": None, "phase": None, **entry, "key": key}
            made = None
            if key is not None and row["shown"] is not None:
                made = ours("predictions").find_one({"_id": number_of(row["shown"], key)})
        if made is not None:
            model = ours("models").find_one({"_id": row["shown"]}) or {}
            made = {**made, "value": plain(made.get("value")), **model}
        return row, entry, made

    def key_of(self, source: Source, pk: Pk) -> bytes | None:
        """The key of the content of a document, if it is known."""
        own, given = _own(source), [pk_of(pk[0])]
        if ObjectId.is_valid(pk[0]):  # as somebody types it
            given.append((ObjectId(pk[0]),))
        with self.database.read():
            found = keys_of(own, own.contents(None, given))
            entries = DocumentTracking(own).rows.find({"_id": {"$in": [one for (one,) in given]}})
            known = [*found.values(), *(one["key"] for one in entries)]
        return known[0] if known else None

    def pks_of(self, source: Source, key: bytes) -> list[Pk]:
        """The documents with a content, as far as they are known."""
        with self.database.read():
            found = DocumentTracking(_own(source)).rows.find({"key": key}).sort("_id", 1)
            return [pk_of(one["_id"]) for one in found]

    def forget(self, key: bytes, *, dry_run: bool) -> tuple[int, int]:
        """Deletes predictions of a content and its fetched files: how many there were of each."""
        with self.database.write():
            known = [self.database.ours(name) for name in ("predictions", "fetched")]
            predictions, fetched = (one.count_documents({"key": key}) for one in known)
            for one in known if not dry_run else ():
                one.delete_many({"key": key})
        return predictions, fetched


def _own(source: Source) -> DocumentSource:
    assert isinstance(source, DocumentSource)
    return source
