"""Travelling notes: notes and tags go with the realizations and attempts that they are about.

NV1  Only notes that the other side lacks are moved. Nothing that is there is changed.
NV2  A note from a remote counts after it was checked: its name, its derivation, its length, its
     characters, its time; with trusted keys also a signature. Others are left out with a warning.
"""

import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from ...core.context import Context
from ...core.dataclasses import dataclass
from ...core.errors import ChecksumMismatch, Corrupted, PystoreWarning
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
    *,
    repair: bool,
) -> NotesToSend:
    """The notes about these realizations and attempts, and our signatures of them (NV1)."""
    signatures, texts, fresh = [], [], 0
    for name, text, listing in _all(store, contexts, listings):
        if not listing.has(name):
            fresh += 1
        if repair or not listing.has(name):
            texts.append((name, text))
        if key is not None and (repair or not listing.has(signature_of(name, key))):
            signatures.append((signature_of(name, key), key.sign(text)))
    return NotesToSend(tuple(signatures), tuple(texts), fresh)


def _all(
    store: Store, contexts: Mapping[RRef, Context], listings: Mapping[DRef, Listing]
) -> Iterator[tuple[str, bytes, Listing]]:
    for dref, files in notes.texts_about(store, contexts).items():
        for name, text in sorted(files.items()):
            yield names.note(dref, name[:32]), text, listings[dref]


def signature_of(name: str, key: Key) -> str:
    """The name of our signature of a note."""
    return name[: -len("note")] + f"{key.public}.sig"


def note_objects(
    store: Store, contexts: Mapping[RRef, Context], key: Key | None
) -> Iterator[Object]:
    """The notes about these realizations and attempts, with the signatures of a key."""
    for dref, files in notes.texts_about(store, contexts).items():
        for name, text in files.items():
            whole = names.note(dref, name[:32])
            yield whole, text
            if key is not None:
                yield signature_of(whole, key), key.sign(text)


def receive_notes(store: Store, remote: Remote, listings: Iterable[Listing]) -> int:
    """Adds the notes of derivations that are here; returns how many were new (NV2)."""
    return sum(_receive(store, remote, listing) for listing in listings)


def _receive(store: Store, remote: Remote, listing: Listing) -> int:
    known, signers = notes.known(store, listing.dref), listing.note_signers()
    lacking = sorted(set(notes.names_in(listing.names)) - known)
    if remote.trusted is not None:
        lacking = [n for n in lacking if not remote.trusted.isdisjoint(signers.get(n[:32], []))]
    if not lacking:
        return 0
    read = remote.each(partial(_read, remote, listing.dref, signers), lacking)
    found = {name: text for name, text in read if text is not None}
    with store.parts.session.open_gate():
        notes.put(store, listing.dref, found)
    return len(found)


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
