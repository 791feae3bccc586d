"""Views: predictions beside documents, for readers who know MongoDB and nothing of us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.printable import listed
from ..errors import BadDatabase, BadField
from ..kinds import is_kept_text
from .connections import Document
from .ledger import DocumentLedger

_TAKEN = ("_id", "model")


class DocumentViews:
    """The two views of a listener, by the keys of documents: predictions, and what has failed."""

    def __init__(self, ledger: DocumentLedger) -> None:
        self._ledger = ledger
        self._database = ledger.database
        outputs = ledger.entry.outputs
        bad = [
            one
            for one in outputs
            if one in _TAKEN or one[:1] in "$" or "." in one or not one or not is_kept_text(one)
        ]
        if bad:
            raise BadField(
                f"an output cannot be called {listed(bad)} in MongoDB",
                remedy="name it without dots, dollar signs and NUL, other than `_id` and `model`",
            )

    @property
    def names(self) -> tuple[str, str]:
        """The names of the views of predictions and of failures."""
        entry = self._ledger.entry
        return _names(entry.collection, entry.name)

    def grants(self, roles: Sequence[str] | None = None) -> list[str]:
        """None: its owner lets roles find in a view, as in a collection."""
        return []

    def missing(self) -> list[str]:
        """The views that are not there."""
        return [one for one in self.names if one not in self._database.names()]

    def check_are_free(self) -> None:
        """Raises BadDatabase where something else is called as a view of the listener is (VW4)."""
        taken = [name for name, is_own in self._there().items() if not is_own]
        if taken:
            raise BadDatabase(
                f"there is a collection {taken[0]} already, which is none of this listener",
                database=self._database.name,
                remedy="give the listener another name: listen(…, name='other')",
            )

    def _there(self) -> dict[str, bool]:
        """What is called as the views are, and whether it is a view of this listener."""
        ours = self._database.ours("listeners").find({"_id": {"$ne": self._ledger.id}})
        of_others = {name for one in ours for name in _names(one["collection"], one["name"])}
        rows, wanted = self._ledger.tracking.rows.name, {"name": {"$in": [*self.names]}}
        return {
            one["name"]: one["options"].get("viewOn") == rows and one["name"] not in of_others
            for one in self._database.named.list_collections(filter=wanted)
        }

    def install(self) -> None:
        """Makes the views, or makes them anew. Raises BadDatabase for names of somebody else."""
        self.check_are_free()
        named, rows, there = self._database.named, self._ledger.tracking.rows.name, self._there()
        for name, pipeline in zip(self.names, (self._shown(), self._failed()), strict=True):
            if name in there:
                named.command({"collMod": name, "viewOn": rows, "pipeline": pipeline})
            else:
                named.create_collection(name, viewOn=rows, pipeline=pipeline)

    def remove(self) -> None:
        """Takes the views away, and nothing that is somebody else's (VW4)."""
        for name, is_own in self._there().items():
            if is_own:
                self._database.named.drop_collection(name)

    def _shown(self) -> list[Document]:
        """Each document with the outputs that are shown for it, if there are any."""
        outputs = {name: f"$made.value.{name}" for name in self._ledger.entry.outputs}
        return [*self._joined(), {"$project": {**outputs, "model": "$model.rref"}}]

    def _failed(self) -> list[Document]:
        """The documents that have failed: why, how often, and when they are tried again."""
        names = ("error", "phase", "tries", "due")
        of_content = {"$ne": [{"$ifNull": ["$made.error", None]}, None]}
        told: Document = {
            name: {"$cond": [of_content, f"$made.{name}", f"${name}"]} for name in names
        }
        has_failed = {"$match": {"error": {"$ne": None}}}
        return [*self._joined(), {"$project": told}, has_failed]

    def _joined(self) -> list[Document]:
        ours = self._database.ours
        # What is shown is looked up once for all documents, so that a reader sees one model.
        own = {"$match": {"_id": {"$eq": self._ledger.id}}}
        listener = {"from": ours("listeners").name, "pipeline": [own], "as": "shown"}
        is_shown = {"$eq": ["$$one.model", "$shown.shown"]}
        shown = {"$filter": {"input": "$made", "as": "one", "cond": is_shown}}
        return [
            {"$lookup": listener},
            {"$set": {"shown": _first("$shown")}},
            _lookup(ours("predictions").name, "key", "key", "made"),
            {"$set": {"made": _first(shown)}},
            _lookup(ours("models").name, "made.model", "_id", "model"),
            {"$set": {"model": _first("$model")}},
        ]


def _names(collection: str, listener: str) -> tuple[str, str]:
    return f"{collection}_{listener}", f"{collection}_{listener}_failed"


def _lookup(name: str, local: str, foreign: str, into: str) -> Document:
    told = {"from": name, "localField": local, "foreignField": foreign, "as": into}
    return {"$lookup": told}


def _first(values: Any) -> Document:
    return {"$arrayElemAt": [values, 0]}
