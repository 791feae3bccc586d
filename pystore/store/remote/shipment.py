"""Shipment: a realization of a store, read as parts; and the attempts of a store, as copies."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from blake3 import blake3

from ...core.attempt import Attempt
from ...core.context import CONTEXT, Context, parse_provenance
from ...core.errors import BadPlace, Corrupted, NotInStore, UnkeepableOutput
from ...core.manifest import Entry, Manifest, encode_name
from ...core.refs import DRef, RRef
from .. import attempt_files, below, disk
from ..store import Store
from . import names
from .bill_of_parts import LONGEST, BillOfParts
from .history import Copy
from .object_parts import Part, Slice, parts_of
from .record import Record, fitting


class Shipment:
    """A realization of a store, whose bytes are checked while they are read."""

    def __init__(self, store: Store, rref: RRef) -> None:
        self.rref = rref
        self._store = store
        self._out = store.path(rref)
        self.provenance = disk.read(store.home(rref) / CONTEXT)
        self.manifest = store.manifest(rref)
        self._digests: list[str] = []
        if self.manifest.digest != parse_provenance(self.provenance)[2]:
            raise self.damaged("its manifest")
        _refuse_outside(rref, self.manifest)

    @property
    def bill(self) -> BillOfParts:
        """The bill of parts, once all parts were read."""
        return BillOfParts(self.rref, self.provenance, self.manifest, tuple(self._digests))

    def damaged(self, what: str) -> Corrupted:
        """The error for bytes that differ from the manifest."""
        return Corrupted(
            "what should be sent is damaged",
            ref=self.rref,
            damaged=what,
            store=self._store.root,
            remedy="verify() names all damage; realize its stage again",
        )

    def read(self, part: Part) -> bytes:
        """The bytes of a part, read once more."""
        return b"".join(self._slice(piece) for piece in part.slices)

    def _slice(self, piece: Slice) -> bytes:
        try:
            with disk.open_regular(os.fsencode(self._out) + b"/" + piece.path) as file:
                file.seek(piece.offset)
                return file.read(piece.size)
        except FileNotFoundError:
            if self._store.parts.layout.has(self.rref):
                raise self.damaged(encode_name(piece.path)) from None
            raise self._store.absent(self.rref) from None  # it has just been removed

    def parts(self) -> Iterator[tuple[str, Part, bytes]]:
        """The parts, each with its digest and bytes. Raises Corrupted where bytes differ."""
        entries = {entry.path: entry for entry in self.manifest.entries}
        hashers: dict[bytes, blake3] = {}
        for part in parts_of(self.manifest):
            content = b"".join(self._read(part, entries, hashers))
            self._digests.append(blake3(content).hexdigest())
            yield self._digests[-1], part, content

    def _read(
        self, part: Part, entries: dict[bytes, Entry], hashers: dict[bytes, blake3]
    ) -> Iterator[bytes]:
        for piece in part.slices:
            entry = entries[piece.path]
            content = self._slice(piece)
            hasher = hashers.setdefault(piece.path, blake3())
            hasher.update(content)
            if piece.offset + piece.size == entry.size:
                del hashers[piece.path]
                if hasher.hexdigest() != entry.digest:
                    raise self.damaged(repr(entry.path)[2:-1])
            yield content


def _refuse_outside(rref: RRef, manifest: Manifest) -> None:
    out = [e.path for e in manifest.entries if e.kind == "link" and _leaves(e)]
    if any(len(entry.path) > LONGEST for entry in manifest.entries):
        raise UnkeepableOutput(
            "a path that is too long to travel",
            ref=rref,
            longest=LONGEST,
            remedy="let the stage write shorter paths, or one archive",
        )
    if out:
        raise UnkeepableOutput(
            "a link to data outside of the store does not travel",
            ref=rref,
            link=repr(out[0])[2:-1],
            remedy="let the stage copy the data: fetchlocal in place of external",
        )


def _leaves(entry: Entry) -> bool:
    depth = entry.path.count(b"/")
    for step in entry.target.split(b"/"):
        depth += -1 if step == b".." else step not in (b"", b".")
        if depth < 0:
            return True
    return entry.target.startswith(b"/")


def copies_in(store: Store, contexts: Mapping[RRef, Context], *, diffs: bool = True) -> list[Copy]:
    """All attempts of these derivations in these contexts, with the files beside them.

    With `diffs`, the uncommitted changes of the project are among the files.
    """
    pairs = {(rref.dref, context.digest): context for rref, context in contexts.items()}
    return [
        _copy(store, attempt, context, diffs)
        for (dref, digest), context in pairs.items()
        for attempt in store.attempts(dref)
        if attempt.id and attempt.context == digest
    ]


def _copy(store: Store, attempt: Attempt, context: Context, diffs: bool) -> Copy:
    files: dict[str, bytes] = {}
    for suffix in ("trace", "log"):
        home = below.home(store.parts.layout, attempt)
        path = home.beside(attempt.dref, attempt.context, attempt.number, suffix)
        content = _small(path)
        if content and not (suffix == "trace" and attempt_files.damage(*os.path.split(path))):
            files[suffix] = content
    digests = {suffix: blake3(content).hexdigest() for suffix, content in files.items()}
    record = Record(attempt._replace(tree=attempt.tree or _tree(store, attempt)), context, digests)
    if diffs and (diff := store.diff(attempt)):
        files["diff"] = diff
    return Copy(fitting(record), files)


def _small(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(names.LARGEST_FILE + 1)
    except FileNotFoundError:
        return b""
    return content if len(content) <= names.LARGEST_FILE else b""


def _tree(store: Store, attempt: Attempt) -> str | None:
    """The digest of the tree for an old record without it, from the local realization, if any."""
    if attempt.rref is None:
        return None
    try:
        same = store.context(attempt.rref).digest == attempt.context
        return store.tree(attempt.rref) if same else None
    except (NotInStore, Corrupted):
        return None


def sendable(store: Store, ref: DRef | RRef) -> list[RRef]:
    """A realization, or all realizations of a derivation without those that a person has rejected.

    Raises NotInStore when there is none, BadPlace when the given realization was rejected.
    """
    if isinstance(ref, DRef):
        here = {c.rref for c in store.all_candidates(ref) if not c.gone}
        if here:
            return sorted(here)
        raise nothing_to_send(store, ref)
    if rejected := below.verdict(store.parts.layout, ref, "rejected"):
        raise BadPlace(
            "this was rejected, and is not sent to others",
            ref=ref,
            reason=rejected.get("reason"),
            remedy="send another realization; push(ref.dref, …) tells others that it was rejected",
        )
    return [ref]


def nothing_to_send(store: Store, dref: DRef) -> NotInStore:
    """The error for a derivation without a realization that may be sent."""
    if count := len(below.marked(store.parts.layout, dref, "rejected")):
        return NotInStore(
            "every realization of this was rejected, and is not sent",
            ref=dref,
            rejected=count,
            store=store.root,
            remedy="realize it; a push to a remote that has it tells there that it was rejected",
        )
    return NotInStore("no realization to send", ref=dref, store=store.root, remedy="realize it")


def is_withdrawn(store: Store, ref: DRef | RRef) -> bool:
    """Whether a reference is a derivation of which all that was made is rejected."""
    if not isinstance(ref, DRef) or not below.marked(store.parts.layout, ref, "rejected"):
        return False
    return all(candidate.gone for candidate in store.all_candidates(ref))
