"""Overview: what there is in a database of documents, and what nobody needs any more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..overview import Rows, Told, collection_row, listener_row
from ..tracking import NEVER
from .connections import DocumentConnections
from .ledger import number_of
from .tracking import DocumentTracking, recorded


def listeners(database: DocumentConnections) -> Rows:
    """The listeners, one a dict; see `pystore.db.overview.listeners`."""
    if not database.check():
        return []
    rrefs = {one["_id"]: one["rref"] for one in database.ours("models").find()}
    found = database.ours("listeners").find().sort("_id", 1)
    return [_listener(database, one, rrefs) for one in found]


def _listener(
    database: DocumentConnections, row: Mapping[str, Any], rrefs: Mapping[int, str]
) -> dict[str, Any]:
    counts = _counts(database, recorded(database, row), row["shown"])
    return listener_row(row, rrefs, counts)


def _counts(
    database: DocumentConnections, tracking: DocumentTracking, shown: int | None
) -> dict[str, int]:
    entries = tracking.rows
    made, counts = database.ours("predictions"), {True: 0, False: 0}
    for keys in tracking.all_keys():
        wanted = {"_id": {"$in": [number_of(shown or 0, key) for key in keys]}}
        is_done = {"$or": [{"open": None}, {"error": {"$ne": None}}]}
        told = {one["key"]: one.get("open") is None for one in made.find({**wanted, **is_done})}
        for key in entries.find({"key": {"$in": [*told]}}, {"key": 1}):
            counts[told[key["key"]]] += 1
    rows = entries.count_documents({})
    bad = entries.count_documents({"error": {"$ne": None}}) + counts[False]
    idle = entries.count_documents({"key": None, "due": {"$gte": NEVER}, "error": None})
    return {"rows": rows, "pending": rows - counts[True] - bad - idle, "failed": bad}


def tables_of(database: DocumentConnections, forgotten_in: Told) -> dict[str, Rows]:
    """What an overview shows."""
    there = {*database.names()} if database.check() else set()
    told = []
    for one in database.ours("collections").find().sort("_id", 1):
        name = one["_id"]
        rows = database.named[name].estimated_document_count() if name in there else None
        told.append(collection_row(name, rows, json.loads(one["fields"])))
    names = ("collection", "name", "dref", "taken")
    snapshots = database.ours("snapshots").find().sort("_id", 1)
    models = [*database.ours("models").find().sort("_id", 1)]
    forgotten = forgotten_in({one["rref"] for one in models})
    return {
        "collections": told,
        "snapshots": [{name: one[name] for name in names} for one in snapshots],
        "models": [
            {"id": one.pop("_id"), **one, "forgotten": forgotten.get(one["rref"])} for one in models
        ],
        "listeners": listeners(database),
    }


def collect(database: DocumentConnections, *, dry_run: bool) -> dict[str, int]:
    """Removes predictions of models that no listener has, and these models."""
    own = database.ours("listeners").find({}, {"shown": 1, "target": 1})
    used = [one for row in own for one in (row["shown"], row["target"]) if one is not None]
    unused = {"predictions": {"model": {"$nin": used}}, "models": {"_id": {"$nin": used}}}
    found = {"fetched": 0}  # what was fetched stays
    for name, which in unused.items():
        found[name] = database.ours(name).count_documents(which)
        if not dry_run:
            database.ours(name).delete_many(which)
    return found
