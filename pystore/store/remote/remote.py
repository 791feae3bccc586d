"""Remote: a place whose objects are checked when they are read.

RM1  An object that does not fit its name is a ChecksumMismatch; nothing of it is used.
RM2  With trusted keys, a record that none of them has signed counts as absent.
RM3  A missing object is a FileNotFoundError, and no fault of the remote.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from blake3 import blake3

from ...core.config import Config
from ...core.context import parse_provenance, rref_of
from ...core.dataclasses import dataclass
from ...core.errors import (
    BadConfig,
    BadPlace,
    ChecksumMismatch,
    Corrupted,
    FormatTooNew,
    NotInStore,
)
from ...core.note import digest_of
from ...core.printable import listed
from ...core.refs import DRef, RRef, is_name
from ..attempt_files import diff_digest
from . import names, signing
from .bill_of_parts import BillOfParts, parse_bill
from .names import Listing, PinListing
from .open_place import place_at
from .parallel import each, in_time
from .pin_move import PinMove, parse_move
from .place import Options, Place
from .record import Record, parse_record

Item = TypeVar("Item")
Result = TypeVar("Result")

_MARK = {"digest": "blake3", "features": [], "format": names.FORMAT}
MARK_TEXT = json.dumps(_MARK, sort_keys=True, separators=(",", ":")).encode() + b"\n"
_MARK_SIZE = names.largest(names.MARK)
_HEAD = 1 << 22  # [bytes] at the beginning of a bill, which hold nearly every context


@dataclass(eq=False)
class Remote:
    """The objects of a place, checked when they are read."""

    place: Place
    trusted: frozenset[str] | None = None  # public keys; None trusts everybody
    patience: float | None = None  # [s] for one object; by default that of the place

    def __post_init__(self) -> None:
        if self.patience is None:
            self.patience = self.place.patience

    @property
    def url(self) -> str:
        """The URL without secrets."""
        return self.place.url

    def absent(self, ref: DRef | RRef) -> NotInStore:
        """The error for something that is not there."""
        return NotInStore(
            "the remote does not hold this",
            ref=ref,
            url=self.url,
            remedy="ask who has it to push it: push(ref, url)",
        )

    def each(
        self, work: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Result]]:
        """Each item with the result of `work`, several at a time, in order."""
        return each(work, items, self.place.workers, self.patience)

    def listing(self, dref: DRef) -> Listing:
        """The names of all objects about a derivation."""
        return Listing(dref, frozenset(self.place.names(names.folder(dref))))

    def config(self, dref: DRef) -> Config:
        """The config of a derivation."""
        name = names.config(dref)
        try:
            config = Config.parse(self._read(name))
        except BadConfig as error:
            raise self._wrong(name, error.what) from None
        if config.dref != dref:
            raise self._wrong(name, f"it is the config of {config.dref}")
        return config

    def bill(self, rref: RRef) -> BillOfParts:
        """The bill of parts of a realization."""
        name = names.realization(rref)
        try:
            return parse_bill(rref, self._read(name))
        except Corrupted as error:
            raise self._wrong(name, str(error)) from None

    def tree(self, rref: RRef) -> str:
        """The digest of a realization's manifest; reads the beginning of its bill only."""
        name = names.realization(rref)
        head, end, _ = self.place.read(name, _HEAD).partition(b"\n")
        if not end and len(head) == _HEAD:
            head, end, _ = self._read(name).partition(b"\n")
        head += end
        try:
            dref, _, tree = parse_provenance(head)
        except Corrupted as error:
            raise self._wrong(name, str(error)) from None
        if rref_of(dref, head) != rref:
            raise self._wrong(name, "the context is another realization's")
        return tree

    def part(self, digest: str, size: int) -> bytes:
        """The bytes of a part, which has this digest and size."""
        name = names.part(digest)
        content = self.place.read(name, size)
        if len(content) != size or blake3(content).hexdigest() != digest:
            raise self._wrong(name, "its bytes have another digest")
        return content

    def artifact(self, bill: BillOfParts, path: bytes) -> bytes | None:
        """The content of a file of a realization; None where there is no such file."""
        entry = next((e for e in bill.manifest.entries if e.path == path), None)
        if entry is None or entry.kind != "file":
            return None
        content = b"".join(self._slices(bill, path))
        if blake3(content).hexdigest() != entry.digest:
            raise self._wrong(names.realization(bill.rref), "a file has another digest")
        return content

    def _slices(self, bill: BillOfParts, path: bytes) -> Iterator[bytes]:
        for digest, part in bill.parts:
            if any(piece.path == path for piece in part.slices):
                content, offset = self.part(digest, part.size), 0
                for piece in part.slices:
                    if piece.path == path:
                        yield content[offset : offset + piece.size]
                    offset += piece.size

    def beside(self, found: Record, suffix: str) -> bytes:
        """A file beside an attempt."""
        attempt = found.attempt
        name = names.attempt(attempt.dref, attempt.context, attempt.id, suffix)
        return self._with_digest(name, found.beside[suffix], lambda text: blake3(text).hexdigest())

    def diff(self, dref: DRef, digest: str) -> bytes:
        """The uncommitted changes of a project."""
        return self._with_digest(names.diff(dref, digest), digest, diff_digest)

    def note(self, dref: DRef, digest: str, signers: Iterable[str]) -> bytes:
        """The text of a note; FileNotFoundError also where no trusted key has signed it (RM2)."""
        name = names.note(dref, digest)
        text = self._with_digest(name, digest, digest_of)
        if self.trusted is not None and not self._is_signed(signers, name, text):
            raise FileNotFoundError(name)
        return text

    def _with_digest(self, name: str, digest: str, digest_of: Callable[[bytes], str]) -> bytes:
        content = self._read(name)
        if digest_of(content) != digest:
            raise self._wrong(name, "its bytes have another digest")
        return content

    def record(self, listing: Listing, context: str, identity: str) -> Record | None:
        """The record of an attempt; None where no trusted key has signed it (RM2)."""
        name = names.attempt(listing.dref, context, identity)
        text = self._read(name)
        try:
            found = parse_record(listing.dref, context, identity, text)
        except Corrupted as error:
            raise self._wrong(name, str(error)) from None
        if self.trusted is None:
            return found
        signers = listing.signers.get(f"{context}.{identity}", ())
        return found if self._is_signed(signers, name, text) else None

    def _is_signed(self, signers: Iterable[str], name: str, text: bytes) -> bool:
        """Whether a trusted key among the signers has signed the text of an object."""
        for public in signers:
            if public in (self.trusted or ()):
                signature = names.signature(name, public)
                if signing.is_signed(public, text, self._read(signature)):
                    return True
                raise self._wrong(signature, "the signature is not over this record")
        return False

    def pins(self) -> list[str]:
        """The names of the pins, sorted."""
        return sorted(filter(is_name, self.place.names(names.PINS)))

    def pin_listing(self, pin: str) -> PinListing:
        """The names of all objects about a pin."""
        return PinListing(pin, frozenset(self.place.names(f"{names.PINS}/{pin}")))

    def move(self, listing: PinListing, stem: str) -> PinMove | None:
        """A move of a pin; None where no trusted key has signed it (RM2)."""
        signers = listing.signers.get(stem, [])
        if self.trusted is not None and self.trusted.isdisjoint(signers):
            return None
        name = names.move(listing.pin, stem)
        try:
            text = self._read(name)
            found = parse_move(listing.pin, stem, text)
            believed = self.trusted is None or self._is_signed(signers, name, text)
        except Corrupted as error:
            raise self._wrong(name, str(error)) from None
        except FileNotFoundError:  # else an earlier move would count
            raise self._wrong(name, "it is listed, and not there") from None
        return found if believed else None

    def equals(self, resolved: str) -> list[tuple[DRef, str]]:
        """The (derivation, context) pairs with a resolved config of this digest."""
        return names.pairs(self.place.names(f"resolved/{resolved}"))

    def _read(self, name: str) -> bytes:
        most = names.largest(name)
        content = self.place.read(name, most + 1)
        if len(content) > most:
            raise self._wrong(name, "it is longer than it may be")
        return content

    def _wrong(self, name: str, because: str) -> ChecksumMismatch:
        return ChecksumMismatch(
            "a remote holds what is not what its name says",
            url=self.url,
            object=name,
            because=because,
            remedy="nothing of it was used; push it there again with repair=True, "
            "or ask who runs the remote",
        )


def open_remote(
    url: str | os.PathLike[str],
    *,
    make: bool = False,
    trusted: frozenset[str] | None = None,
    patience: float | None = None,
    options: Options | None = None,
) -> Remote:
    """The remote at a URL or path; `make` makes one where there is none, to be written.

    Raises BadPlace where it cannot be used, FormatTooNew, NotInStore when there is no remote.
    """
    place = place_at(url, options)
    if make and place.read_only:
        raise BadPlace(
            "nothing can be pushed over HTTP",
            url=place.url,
            remedy="push to the folder or bucket that the server serves",
        )
    remote = Remote(place, trusted, patience)
    try:
        check_mark(place, in_time(lambda: place.read(names.MARK, _MARK_SIZE), remote.patience))
    except FileNotFoundError as error:
        if not make:
            in_time(lambda: refuse_store(place), remote.patience)
            raise NotInStore(
                "no remote is here",
                url=place.url,
                missing=names.MARK,
                because=str(error) if "bucket" in str(error) else None,
                remedy="check the URL; the first push to a place makes a remote there",
            ) from None
        refuse_others(place)
        write_mark(place)
    return remote


def refuse_store(place: Place) -> None:
    """Raises BadPlace when the place is a store."""
    try:
        place.read("pystore.json", _MARK_SIZE)
    except FileNotFoundError:
        return
    raise BadPlace(
        "this is a store, no remote",
        url=place.url,
        remedy="copy(ref, from_store, to_store) copies between stores, and Store(path, below=…) "
        "builds upon one; push to another folder",
    )


def refuse_others(place: Place) -> None:
    """Raises BadPlace when the place is a store, or holds anything that no remote has."""
    refuse_store(place)
    if strange := set(place.names("")) - {"drv", "parts", "pins", "resolved", ""}:
        raise BadPlace(
            "the place is not empty, and no remote",
            url=place.url,
            holds=listed(sorted(strange), most=5),
            remedy="name a new or empty folder of it",
        )


def write_mark(place: Place) -> None:
    """Writes the mark of a remote: before any work, so that a missing permission shows early."""
    try:
        place.write(names.MARK, MARK_TEXT)
    except FileNotFoundError as error:
        raise BadPlace(
            "the bucket or folder is not there",
            url=place.url,
            because=str(error)[:200],
            remedy="make it first, or check its name",
        ) from None


def check_mark(place: Place, text: bytes) -> None:
    """Checks that this version can read a remote with this mark.

    Raises ChecksumMismatch, FormatTooNew.
    """
    try:
        mark = json.loads(text)
        version, features = mark["format"], mark["features"]
        features = features or mark["digest"] != _MARK["digest"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ChecksumMismatch(
            f"{names.MARK} is damaged", url=place.url, remedy="ask who runs the remote"
        ) from None
    if version != names.FORMAT or features:
        raise FormatTooNew(
            "this remote needs a later version of pystore",
            url=place.url,
            format=version,
            known=names.FORMAT,
            remedy="upgrade pystore",
        )
