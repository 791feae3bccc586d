"""Artifacts of realizations: those of one, one file, and a search by name and age."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ...core.errors import BadRef, NotInStore
from ...core.holding import Holding
from ...core.listing import Listing, Paths
from ...core.manifest import Entry, decode_name, encode_name
from ...core.note import Note, about, tags_among
from ...core.printable import printable
from ...core.refs import DRef, RRef, check_part
from ...store.notes import notes_in
from ...store.store import Store
from .lookup import file_of, lacking, rref2path


class Artifact(NamedTuple):
    """An artifact of a realization."""

    rref: RRef
    entry: Entry

    def to_dict(self) -> dict[str, Any]:
        """The artifact as `pystore tree --json` prints it.

        `rref`, `path` as the manifest spells it, and `kind`; of a file `size` [bytes],
        `executable` and `digest`, of a link `target`.
        """
        entry = self.entry
        record = {"rref": self.rref, "path": encode_name(entry.path), "kind": entry.kind}
        if entry.kind == "file":
            more = {"size": entry.size, "executable": entry.executable, "digest": entry.digest}
            return {**record, **more}
        return {**record, "target": encode_name(entry.target)} if entry.kind == "link" else record


class FoundArtifact(NamedTuple):
    """An artifact that a search found."""

    rref: RRef
    entry: Entry
    built: int | None  # [ns since the epoch, UTC] when the last attempt that made it ended
    tags: tuple[str, ...] = ()  # of the realization, its attempts and its derivation

    def to_dict(self) -> dict[str, Any]:
        """The artifact as `pystore find --json` prints it: also `built` and `tags`.

        `built` is in nanoseconds since 1970, UTC.
        """
        told = Artifact(self.rref, self.entry).to_dict()
        return {**told, "built": self.built, "tags": list(self.tags)}


class Content(NamedTuple):
    """The bytes of an artifact."""

    rref: RRef
    path: str
    data: bytes

    def to_dict(self) -> dict[str, Any]:
        """The content as `pystore cat --json` prints it.

        `rref`, `path`, `size` [bytes], and `text`, or `base64` if the bytes are no UTF-8.
        """
        from base64 import b64encode  # few commands need it

        path = encode_name(os.fsencode(self.path))
        record = {"rref": self.rref, "path": path, "size": len(self.data)}
        try:
            return {**record, "text": self.data.decode()}
        except UnicodeDecodeError:
            return {**record, "base64": b64encode(self.data).decode()}


class Place(NamedTuple):
    """Where the artifacts of a realization are."""

    rref: RRef
    path: Path

    def to_dict(self) -> dict[str, Any]:
        """The place as `pystore path --json` prints it: `rref` and `path`."""
        return {"rref": self.rref, "path": str(self.path)}


def place_of(rref: RRef, store: Store) -> Place:
    """The place of a realization's artifacts. Raises as `rref2path` does."""
    return Place(rref, rref2path(rref, store=store))


def artifacts_of(rref: RRef, store: Store) -> list[Artifact]:
    """The artifacts of a realization, by path. Raises NotInStore, Corrupted."""
    return [Artifact(rref, entry) for entry in store.manifest(rref).entries]


def artifact_path(rref: RRef, path: str, store: Store) -> Path:
    """The file of an artifact, or one of the store's own two files about a realization.

    Raises NotInStore if there is none, BadRef if it is no file, Corrupted if it is lost.
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
) -> Iterator[FoundArtifact]:
    """The artifacts of these realizations and of those of these derivations, the oldest first.

    `name` is a pattern for the last step of a path, or for the whole path if it has a `/`. With
    `newer` [ns since the epoch, UTC], only what was built later.
    """
    refs = list(refs)
    held = store.holdings(dict.fromkeys(ref.dref for ref in refs))
    listed = store.listings(held)

    @cache  # most derivations of a stage have the same paths
    def fits(shape: Paths) -> bool:
        return any(_matches(decode_name(path), name) for _, path in shape)

    dated = [
        one for ref in refs for one in _dated(ref, held[ref.dref], listed[ref.dref], fits, store)
    ]
    for rref, at, tags in sorted(dated, key=lambda one: (one[1] or 0, one[0])):
        if newer is None or (at is not None and at > newer):
            entries = (e for e in _entries(rref, store) if _matches(e.path, name))
            yield from (FoundArtifact(rref, entry, at, tags) for entry in entries)


def _dated(
    ref: DRef | RRef, held: Holding, listed: Listing, fit: Callable[[Paths], bool], store: Store
) -> Iterator[tuple[RRef, int | None, tuple[str, ...]]]:
    """The realizations whose paths may fit, when each was built, its tags."""
    fits = [fit(shape) for shape in listed.shapes]
    if not any(fits) and len(listed.digests) == len(held.here):
        return
    tries = held.attempts
    built = dict(zip(tries.made, tries.columns["stop"], strict=True)) if tries.count else {}
    noted = notes_in(store, held)
    for digest in [ref.digest] if isinstance(ref, RRef) else held.here:
        place = listed.places.get(digest)
        if place is None or fits[listed.shape[place]]:
            rref = RRef.of(digest, held.dref)
            yield rref, built.get(digest), _tags(rref, noted, held) if noted else ()


def _tags(rref: RRef, noted: Sequence[Note], held: Holding) -> tuple[str, ...]:
    own = [note for note in noted if note.ref == held.dref and not note.attempt]
    tries = held.attempts
    digests = enumerate(tries.made if tries.count else ())
    made = [tries.outline(at) for at, digest in digests if digest == rref.digest]
    return tags_among([*own, *about(noted, rref, made)], rejections=True)


def _entries(rref: RRef, store: Store) -> tuple[Entry, ...]:
    try:
        return store.manifest(rref).entries
    except NotInStore:
        return ()  # it was removed just now


def _matches(name: bytes, pattern: str) -> bool:
    path = os.fsdecode(name)
    return fnmatchcase(path if "/" in pattern else path.rpartition("/")[2], pattern)
