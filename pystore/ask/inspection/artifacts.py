"""Artifacts of realizations: where one is, and which ones have a name or are new."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ...core.errors import BadRef, NotInStore
from ...core.manifest import Entry
from ...core.printable import printable
from ...core.refs import DRef, RRef, check_part
from ...store.store import Store
from .lookup import file_of, lacking


@dataclass(frozen=True)
class Found:
    """An artifact of a realization."""

    rref: RRef
    entry: Entry
    built: int | None  # [ns since the epoch, UTC] when the last attempt that made it ended


def artifact_path(rref: RRef, path: str, store: Store) -> Path:
    """The file of an artifact, or of the store's own two about a realization.

    Raises NotInStore when there is none, BadRef when it is no file, Corrupted when it is lost.
    """
    parts = [check_part(part) for part in path.strip("/").split("/")]
    file = file_of(rref, parts, store)
    if file.is_file():
        return file
    if file.is_dir():
        raise BadRef(
            "this is a directory", rref=rref, path=printable(path), remedy="pystore tree REF"
        )
    raise lacking(rref, "/".join(parts), store.manifest(rref), remedy="pystore tree REF")


def search(
    refs: Iterable[DRef | RRef], store: Store, *, name: str = "*", newer: int | None = None
) -> Iterator[Found]:
    """The artifacts of these realizations, or of those of these derivations, the oldest first.

    `name` is a pattern for the last step of a path, or for all of it where it has a `/`; `newer`
    a time [ns since the epoch, UTC]: what was built later.
    """
    dated = [pair for ref in refs for pair in _dated(ref, store)]
    for rref, at in sorted(dated, key=lambda pair: (pair[1] or 0, pair[0])):
        if newer is None or (at is not None and at > newer):
            yield from (Found(rref, e, at) for e in _entries(rref, store) if _called(e, name))


def _dated(ref: DRef | RRef, store: Store) -> list[tuple[RRef, int | None]]:
    built = {attempt.rref: attempt.stop for attempt in store.attempts(ref.dref) if attempt.rref}
    rrefs = [ref] if isinstance(ref, RRef) else store.realizations(ref)
    return [(rref, built.get(rref)) for rref in rrefs]


def _entries(rref: RRef, store: Store) -> tuple[Entry, ...]:
    try:
        return store.manifest(rref).entries
    except NotInStore:
        return ()  # it was removed just now


def _called(entry: Entry, pattern: str) -> bool:
    path = os.fsdecode(entry.path)
    return fnmatchcase(path if "/" in pattern else path.rpartition("/")[2], pattern)
