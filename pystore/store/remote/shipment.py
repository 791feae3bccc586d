"""Local: what a store has to give, in the form in which it travels."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from blake3 import blake3

from ...core.attempt import Attempt
from ...core.context import CONTEXT, Context, parse_provenance
from ...core.errors import BadPlace, Corrupted, NotInStore, UnkeepableOutput
from ...core.manifest import MANIFEST, Entry, Manifest, encode_name
from ...core.refs import DRef, RRef
from .. import attempt_files, below, disk
from ..store import Store
from . import names
from .bill_of_parts import LONGEST, BillOfParts
from .history import Copy
from .parts import Part, Slice, parts_of
from .record import Record


class Shipment:
    """A realization of a store, whose bytes are checked as they are read."""

    def __init__(self, store: Store, rref: RRef) -> None:
        self.rref = rref
        self._store = store
        self._out = store.path(rref)
        home = store.layout.holder(rref).realization(rref)
        self.provenance = disk.read(f"{home}/{CONTEXT}")
        self.manifest = Manifest.parse(disk.read(f"{home}/{MANIFEST}"))
        self._digests: list[str] = []
        if self.manifest.digest != parse_provenance(self.provenance)[2]:
            raise self.damaged("its manifest")
        _refuse_outside(rref, self.manifest)

    @property
    def bill(self) -> BillOfParts:
        """What it consists of, once all its parts were read."""
        return BillOfParts(self.rref, self.provenance, self.manifest, tuple(self._digests))

    def damaged(self, what: str) -> Corrupted:
        """The error for bytes that are not those of the manifest any more."""
        return Corrupted(
            "what should be sent is damaged",
            ref=self.rref,
            damaged=what,
            store=self._store.root,
            remedy="verify() names all damage; realize its stage again",
        )

    def digested(self) -> Iterator[tuple[str, Part]]:
        """Its parts with their digests. Raises Corrupted where bytes have changed."""
        for (digest, _), part in zip(self.parts(), parts_of(self.manifest), strict=True):
            yield digest, part

    def read(self, part: Part) -> bytes:
        """The bytes of a part, once more."""
        return b"".join(self._slice(piece) for piece in part.slices)

    def _slice(self, piece: Slice) -> bytes:
        try:
            with disk.open_regular(os.fsencode(self._out) + b"/" + piece.path) as file:
                file.seek(piece.offset)
                return file.read(piece.size)
        except FileNotFoundError:
            if self._store.layout.has(self.rref):
                raise self.damaged(encode_name(piece.path)) from None
            raise self._store.absent(self.rref) from None  # somebody has just removed it

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """The bytes, part by part, with their digests. Raises Corrupted where they changed."""
        entries = {entry.path: entry for entry in self.manifest.entries}
        hashers: dict[bytes, blake3] = {}
        for part in parts_of(self.manifest):
            content = b"".join(self._read(part, entries, hashers))
            self._digests.append(blake3(content).hexdigest())
            yield self._digests[-1], content

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


def copies(store: Store, tried: Iterable[Attempt], context: Context, *, diffs: bool) -> list[Copy]:
    """The records of attempts in one context, with what lies beside them.

    With `diffs`, that is also how the project's files differed from their revision.
    """
    return [_copy(store, attempt, context, diffs) for attempt in tried]


def _copy(store: Store, attempt: Attempt, context: Context, diffs: bool) -> Copy:
    files: dict[str, bytes] = {}
    for suffix in ("trace", "log"):
        home = below.home(store.layout, attempt)
        path = home.beside(attempt.dref, attempt.context, attempt.number, suffix)
        content = _small(path)
        if content and not (suffix == "trace" and _is_torn(path)):
            files[suffix] = content
    digests = {suffix: blake3(content).hexdigest() for suffix, content in files.items()}
    record = Record(attempt._replace(tree=attempt.tree or _tree(store, attempt)), context, digests)
    if diffs and (diff := store.diff(attempt)):
        files["diff"] = diff
    return Copy(record, files)


def _is_torn(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return bool(attempt_files.damage(folder, name))


def _small(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(names.LARGEST + 1)
    except FileNotFoundError:
        return b""
    return content if len(content) <= names.LARGEST else b""


def _tree(store: Store, attempt: Attempt) -> str | None:
    """What a record that does not say it has made, if that is here."""
    if attempt.rref is None:
        return None
    try:
        home = store.layout.holder(attempt.rref).realization(attempt.rref)
        provenance = disk.read(f"{home}/{CONTEXT}")
        dref, context, tree = parse_provenance(provenance)
    except (FileNotFoundError, Corrupted):
        return None
    fine = dref == attempt.dref and context.digest == attempt.context
    return tree if fine else None


def sendable(store: Store, dref: DRef) -> list[RRef]:
    """The realizations of a derivation that may be sent: not those that were rejected."""
    here = {c.rref for c in store.all_candidates(dref) if not c.gone}
    if not here:
        raise NotInStore("no realization to send", ref=dref, store=store.root, remedy="realize it")
    return sorted(here)


def sendable_one(store: Store, rref: RRef) -> RRef:
    """The realization, if it may be sent. Raises BadPlace when a person has rejected it."""
    if rejected := below.verdict(store.layout, rref, "rejected"):
        raise BadPlace(
            "this was rejected, and is not sent to others",
            ref=rref,
            reason=rejected.get("reason"),
            remedy="send another realization",
        )
    return rref
