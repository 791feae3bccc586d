"""Views: predictions beside documents, for readers who know MongoDB and nothing of us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.printable import listed
from ..errors import BadDatabase, BadField
from .connections import Document
from .ledger import DocumentLedger

_TAKEN = ("_id", "model")


class DocumentViews:
    """The two views of a listener, by the keys of documents: predictions, and what has failed."""

    def __init__(self, ledger: DocumentLedger) -> None:
        self._ledger = ledger
        self._database = ledger.database
        outputs = ledger.entry.outputs
        bad = [one for one in outputs if one in _TAKEN or one[:1] in "$" or "." in one or not one]
        if bad:
            raise BadField(
                f"an output cannot be called {listed(bad)} in MongoDB",
                remedy="name it without dots and dollar signs, other than `_id` and `model`",
            )

    @property
    def names(self) -> tuple[str, str]:
        """The names of the views of predictions and of failures."""
        entry = self._ledger.entry
        return f"{entry.collection}_{entry.name}", f"{entry.collection}_{entry.name}_failed"

    def grants(self, roles: Sequence[str] | None = None) -> list[str]:
        """None: its owner lets roles find in a view, as in a collection."""
        return []

    def missing(self) -> list[str]:
        """The views that are not there."""
        return [one for one in self.names if one not in self._database.names()]

    def install(self) -> None:
        """Makes the views, or makes them anew. Raises BadDatabase for names of somebody else."""
        named, rows = self._database.named, self._ledger.tracking.rows.name
        for name, pipeline in zip(self.names, (self._shown(), self._failed()), strict=True):
            told = next(iter(named.list_collections(filter={"name": name})), None)
            if told is None:
                named.create_collection(name, viewOn=rows, pipeline=pipeline)
            elif told["options"].get("viewOn") == rows:
                named.command({"collMod": name, "viewOn": rows, "pipeline": pipeline})
            else:
                raise BadDatabase(
                    f"there is a collection {name} already, which is none of ours",
                    database=self._database.name,
                    remedy="give the listener another name: listen(…, name='other')",
                )

    def remove(self) -> None:
        """Takes the views away."""
        for name in self.names:
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


def _lookup(name: str, local: str, foreign: str, into: str) -> Document:
    told = {"from": name, "localField": local, "foreignField": foreign, "as": into}
    return {"$lookup": told}


def _first(values: Any) -> Document:
    return {"$arrayElemAt": [values, 0]}
