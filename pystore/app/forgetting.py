"""Forgetting: all that was made of the content of one row, in a database and in a store.

FG1  What is named is what there is: rows, predictions, what was fetched, snapshots and models.
FG2  Deleting takes away what no model needs; models stay, and are named with the commands that
     remove them.
FG3  A model that has seen a forgotten row, at any distance, is marked so, and a remote that still
     holds such a model or snapshot is named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from ..core.dataclasses import dataclass
from ..core.errors import PystoreError
from ..core.printable import listed
from ..core.refs import RRef
from ..db.choose import port_of
from ..db.declared import Declared
from ..db.errors import BadRow
from ..db.row_keys import pk_given
from ..db.source import Source
from ..db.tables import KEY
from ..store.current import current_store
from ..store.forgotten import built_of, mark_forgotten, snapshots_forgotten
from ..store.remote.holding import StillHeld, still_held
from ..store.remote.settings import Remotes, places
from .stored_rows import Rows, has_rows


@dataclass(frozen=True)
class Forgotten:
    """What was made of a content: rows by their keys, and how many predictions and files."""

    key: str  # in hex
    rows: list[Any]
    predictions: int
    fetched: int
    snapshots: list[str]
    models: list[str]
    is_deleted: bool
    remotes: list[StillHeld]

    @property
    def commands(self) -> list[str]:
        """What removes the models and the snapshots that are left, here and at remotes."""
        here = [f"pystore rm {ref}" for ref in (*self.models, *self.snapshots)]
        return here + [one.command for one in self.remotes if one.command]

    def to_dict(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {**asdict(self), "commands": self.commands}

    def __str__(self) -> str:
        verb = "deleted" if self.is_deleted else "found"
        lines = [
            f"the content {self.key}: rows {', '.join(map(str, self.rows)) or 'none'}",
            f"{verb}: predictions {self.predictions}, fetched files {self.fetched}",
            *(f"snapshot with it: {one}" for one in self.snapshots),
            *(f"model trained or validated on it: {one}" for one in self.models),
            *(line for one in self.remotes for line in _lines(one)),
        ]
        if self.commands:
            lines += ["to remove these:", *(f"  {one}" for one in self.commands)]
        return "\n".join(lines)

    __repr__ = __str__


def forget(
    collection: Declared,
    row: Any,
    *,
    on: str | None = None,
    dry_run: bool = True,
    remotes: Remotes | None = None,
) -> Forgotten:
    """What was made of the content of a row, named by its key in the table or by its content's key.

    `on` is the field, by default the only one of media. With `dry_run=False`, its predictions, and
    what was fetched for it, are deleted, and the models are marked as made of forgotten rows; the
    row is its owner's. `remotes` are looked at, too, by default those of the settings: what they
    hold stays. Raises BadRow without such a row.
    """
    source = collection.source(on or collection.only_media("forget(17, on='img')"))
    key = _key(collection, source, row)
    port = port_of(collection.database)
    snapshots = [*_with_row(key)]
    store = current_store()
    models = built_of(store, snapshots)
    if not dry_run:  # first of all: what cannot be marked is not deleted either
        for rref in (*snapshots, *models):
            mark_forgotten(store, rref, snapshots)
    predictions, fetched = port.forget(key, dry_run=dry_run)
    return Forgotten(
        key.hex(),
        [pk[0] if len(pk) == 1 else pk for pk in port.pks_of(source, key)],
        predictions,
        fetched,
        [str(one) for one in snapshots],
        [str(one) for one in models],
        not dry_run,
        [*_at(places(remotes), [*snapshots, *models, *snapshots_forgotten(store)])],
    )


def _at(urls: Iterable[Any], rrefs: list[RRef]) -> Iterator[StillHeld]:
    """The remotes that hold something of these, and those that were not looked at."""
    for url in urls if rrefs else ():
        found = still_held(url, rrefs)
        if found.rrefs or found.because:
            yield found


def _lines(remote: StillHeld) -> Iterator[str]:
    for rref in remote.rrefs:
        yield f"still at {remote.url}: {rref}"
    if remote.because:
        yield f"not looked at: {remote.url}: {remote.because}"
    elif remote.command is None:
        yield f"to be removed where {remote.url} is served from: {listed(remote.objects)}"


def forgotten_in(rrefs: Collection[str]) -> dict[str, str]:
    """What is told of those of these realizations that were made of forgotten rows."""
    if not rrefs:
        return {}
    try:
        store = current_store()
        told = {rref: store.verdicts(RRef(rref)).get("forgotten", "") for rref in rrefs}
    except (OSError, PystoreError):  # there is no store here
        return {}
    return {rref: text for rref, text in told.items() if text}


def _key(collection: Declared, source: Source, row: Any) -> bytes:
    """The key of the content of a row; a row that is there comes before the key of a content."""
    content = _content_key(row)
    try:
        pk = pk_given(collection, row)
    except BadRow:
        if content is None:
            raise
        return content
    found = port_of(collection.database).key_of(source, pk)
    if found is not None:
        return found
    with collection.database.read() as connection:
        stored = source.contents(connection, [pk]).get(pk)
    if stored is not None and not any(field.fetched for field in source.fields.values()):
        return source.key(stored)
    if stored is None and content is not None:
        return content
    raise BadRow(
        f"{collection.name} has no row with this key, or its content is not known",
        row=row,
        remedy="of a row that is gone, give the key of its content: the 32 digits in its lineage",
    )


def _content_key(given: Any) -> bytes | None:
    """The key of a content, if it is one; the key of a row may look the same."""
    if isinstance(given, bytes):
        return given if len(given) == KEY else None
    is_key = isinstance(given, str) and len(given) == 32 and {*given} <= {*"0123456789abcdef"}
    return bytes.fromhex(given) if is_key else None


def _with_row(key: bytes) -> Iterator[RRef]:
    """The snapshots in this store that hold a content."""
    store = current_store()
    for dref in store.drefs():
        if "snapshot" in store.config(dref).value:
            for rref in store.realizations(dref):
                path = store.path(rref)
                if has_rows(path) and key in set(Rows(path).keys()):
                    yield rref
