"""Outputs: what listeners show for documents, by what these hold now.

MP1  A prediction that is found beside a document is one of its content, also when no listener has
     seen the document yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..declared import Declared
from ..outputs import listened, unwrapped
from ..register import Entry
from ..source import Pk
from .kept_files import DocumentKeptFiles
from .ledger import DocumentLedger, number_of
from .source import DocumentSource, plain
from .tracking import DocumentTracking


def outputs_of(
    collection: Declared, rows: Sequence[tuple[Pk, tuple[Any, ...]]]
) -> dict[Pk, dict[str, Any]]:
    """The predictions of documents by the names of listeners; those without any are left out."""
    found: dict[Pk, dict[str, Any]] = {}
    if not rows:
        return found
    made = ours(collection, "predictions")
    for one, source in _listeners(collection):
        if one["shown"] is None:
            continue
        at = [[*collection.fields].index(name) for name in source.fields]
        keys = keys_of(source, {pk: tuple(stored[n] for n in at) for pk, stored in rows})
        wanted = [number_of(one["shown"], key) for key in {*keys.values()}]
        told = made.find({"_id": {"$in": wanted}, "open": None}, {"key": 1, "value": 1})
        values = {row["key"]: plain(row["value"]) for row in told}
        for pk, key in keys.items():
            if key in values:
                outputs = unwrapped(values[key], dict(one["outputs"]))
                found.setdefault(pk, {})[one["name"]] = outputs
    return found


def keys_of(source: DocumentSource, contents: Mapping[Pk, tuple[Any, ...]]) -> dict[Pk, bytes]:
    """The keys of documents by what they hold now."""
    url_at = next((n for n, one in enumerate(source.fields.values()) if one.fetched), None)
    if url_at is None:
        found = {pk: source.key_or_none(one) for pk, one in contents.items()}
    else:
        urls = [str(one[url_at]) for one in contents.values()]
        files = DocumentKeptFiles(source)
        here = files.keys(urls) if source.is_single else files.of(None, urls)
        found = {pk: _key(source, one, url_at, here) for pk, one in contents.items()}
    return {pk: key for pk, key in found.items() if key is not None}


def _key(
    source: DocumentSource, stored: tuple[Any, ...], at: int, here: Mapping[str, bytes]
) -> bytes | None:
    found = here.get(stored[at])
    if source.is_single:
        return found
    if stored[at] is not None and found is None:
        return None
    return source.key_or_none((*stored[:at], found, *stored[at + 1 :]))


def _listeners(collection: Declared) -> list[tuple[Any, DocumentSource]]:
    """The listeners of a collection whose fields are declared here as they are there."""
    told = []
    for one in ours(collection, "listeners").find({"collection": collection.name}).sort("_id", 1):
        source = listened(collection, one["field"])
        if isinstance(source, DocumentSource):
            told.append((one, source))
    return told


def retry_all(collection: Declared) -> int:
    """Makes what has failed work to do again, for each listener of a collection."""
    return sum(
        DocumentLedger(Entry.of(one), DocumentTracking(source)).retry()
        for one, source in _listeners(collection)
    )


def ours(collection: Declared, name: str) -> Any:
    """A collection of ours in the database of somebody's."""
    database: Any = collection.database
    return database.ours(name)
