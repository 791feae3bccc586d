"""Travelling notes: notes and tags go with the realizations and attempts that they are about.

NV1  Only notes that the other side lacks are moved. Nothing that is there is changed.
NV2  A note from a remote counts after it was checked: its name, its derivation, its length, its
     characters, its time; with trusted keys also a signature. Others are left out with a warning.
NV3  Of a derivation of which all was rejected, nothing is sent but the rejections, to a remote that
     has some of it.
"""

import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain

from ...core.context import Context
from ...core.dataclasses import dataclass
from ...core.errors import ChecksumMismatch, Corrupted, PystoreWarning
from ...core.note import parse_note, rejected_in, standing
from ...core.refs import DRef, RRef
from .. import notes
from ..store import Store
from . import names
from .names import Listing
from .remote import Remote
from .signing import Key

Object = tuple[str, bytes]  # name and content


@dataclass(frozen=True)
class NotesToSend:
    """The objects of notes that a remote lacks."""

    signatures: tuple[Object, ...]
    notes: tuple[Object, ...]  # to be written after the signatures
    fresh: int  # notes that were not there before

    def __bool__(self) -> bool:
        return bool(self.signatures or self.notes)


def notes_to_send(
    store: Store,
    contexts: Mapping[RRef, Context],
    listings: Mapping[DRef, Listing],
    key: Key | None,
    withdrawn: Iterable[DRef],
    *,
    repair: bool,
) -> NotesToSend:
    """The notes about these realizations and attempts, and our signatures of them (NV1).

    Of the derivations that are `withdrawn`, those that reject something (NV3).
    """
    signatures, texts, fresh = [], [], 0
    for dref, name, text in chain(_all(store, contexts), _rejections(store, withdrawn)):
        there = listings[dref]
        if not there.has(name):
            fresh += 1
        if repair or not there.has(name):
            texts.append((name, text))
        if key is None:
            continue
        signature = names.signature(name, key.public)
        if repair or not there.has(signature):
            signatures.append((signature, key.sign(text)))
    return NotesToSend(tuple(signatures), tuple(texts), fresh)


def _all(store: Store, contexts: Mapping[RRef, Context]) -> Iterator[tuple[DRef, str, bytes]]:
    """The notes about these realizations and attempts: derivation, object and text."""
    for dref, files in notes.texts_about(store, contexts).items():
        for name, text in sorted(files.items()):
            yield dref, names.note(dref, name[:32]), text


def _rejections(store: Store, drefs: Iterable[DRef]) -> Iterator[tuple[DRef, str, bytes]]:
    for dref in drefs:
        for note in notes.notes_of(store, dref):
            if note.because:
                yield dref, names.note(dref, note.digest), note.file_text


def note_objects(
    store: Store, contexts: Mapping[RRef, Context], key: Key | None
) -> Iterator[Object]:
    """The notes about these realizations and attempts, with the signatures of a key."""
    for _, name, text in _all(store, contexts):
        yield name, text
        if key is not None:
            yield names.signature(name, key.public), key.sign(text)


def receive_notes(store: Store, remote: Remote, listings: Iterable[Listing]) -> int:
    """Adds the notes of derivations that are here; returns how many were new (NV2)."""
    return sum(
        put_notes(store, listing.dref, new_notes(store, remote, listing)) for listing in listings
    )


def new_notes(store: Store, remote: Remote, listing: Listing) -> dict[str, bytes]:
    """The texts of the notes at a remote that count and are not here, by their names (NV1, NV2)."""
    known = notes.known(store, listing.dref)
    return read_notes(remote, listing, set(notes.names_in(listing.names)) - known)


def rejected_by(dref: DRef, texts: Mapping[str, bytes]) -> frozenset[RRef]:
    """The realizations that these notes reject."""
    return rejected_in(standing(parse_note(dref, name[:32], text) for name, text in texts.items()))


def put_notes(store: Store, dref: DRef, found: Mapping[str, bytes]) -> int:
    """Adds notes that were checked; returns how many."""
    if not found:
        return 0
    with store.parts.session.open_gate():
        notes.put(store, dref, found)
    return len(found)


def read_notes(remote: Remote, listing: Listing, wanted: Iterable[str]) -> dict[str, bytes]:
    """The texts of these notes at a remote that count (NV2), by their names."""
    signers, names = listing.note_signers, sorted(wanted)
    if remote.trusted is not None:
        names = [n for n in names if not remote.trusted.isdisjoint(signers.get(n[:32], []))]
    read = remote.each(partial(_read, remote, listing.dref, signers), names) if names else ()
    return {name: text for name, text in read if text is not None}


def _read(remote: Remote, dref: DRef, signers: Mapping[str, list[str]], name: str) -> bytes | None:
    digest = name[:32]
    try:
        text = remote.note(dref, digest, signers.get(digest, []))
        return notes.check(dref, name, text, time.time_ns())
    except FileNotFoundError:
        return None
    except (ChecksumMismatch, Corrupted) as error:
        because = error.facts.get("because") or error.what
        warnings.warn(
            f"a note of {dref} at {remote.url} is left out: {because}", PystoreWarning, stacklevel=2
        )
        return None


def copy_notes(source: Store, target: Store, contexts: Mapping[RRef, Context]) -> int:
    """Copies notes from a store to another that lacks them; returns how many were new."""
    count = 0
    for dref, files in notes.texts_about(source, contexts).items():
        lacking = {name: files[name] for name in files.keys() - notes.known(target, dref)}
        with target.parts.session.open_gate():
            notes.put(target, dref, lacking)
        count += len(lacking)
    return count
