"""Sending results to other places, and fetching them from there."""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...core.dataclasses import replace
from ...core.derivation import Closure
from ...core.errors import BadStage, NotAStore
from ...core.events import Listener, ignore
from ...core.refs import DRef, RRef, parse_ref
from ...core.transfer import Transfer
from ..current import current_store
from ..defaults import defaults, heard
from ..home import expanded
from ..layout import exists
from ..store import Store
from . import archive
from .address import Url
from .copy_stores import copy_realizations
from .pin_history import moves_at
from .pin_move import PinMove
from .remote import open_remote
from .send import send
from .shipment import is_withdrawn, sendable
from .signing import Key, trusting
from .travelling_pins import local_pins, receive_pins, send_pins

Refs = Any
"""An RRef, a DRef (all its realizations), a Closure (those of its targets), or several of these."""


def push(
    refs: Refs = (),
    to: Url | None = None,
    *,
    pins: str | Iterable[str] = (),
    key: Url | None = None,
    repair: bool = False,
    diffs: bool | None = None,
    options: Mapping[str, Any] | None = None,
    listener: Listener = ignore,
    progress: bool = True,
    store: Store | None = None,
) -> Transfer:
    """Sends realizations, all they were built from, and their attempts to a remote that lacks them.

    `to` is a path or a URL (`s3://bucket/folder`, `sftp://…`, `memory://…`), for which fsspec takes
    the `options`. After a break, call it again: the rest is sent. The realizations that `pins` of
    the store name are sent too, then the remote's pins name them; `push(to, pins="serving")` sends
    nothing else. `key` is the file of a private key that signs the records and the pins. `repair`
    sends everything but readable records, even if it seems to be there. With `diffs=False`, the
    uncommitted changes of the project, which attempts remember, stay here (default: PYSTORE_DIFFS,
    else they are sent). Of a derivation of which all was rejected, the rejections are sent, if the
    remote has some of it. With `progress`, a terminal shows how far it is.

    Raises BadPlace, BadName, NotInStore, Corrupted before anything is sent; FetchError.
    """
    store = current_store(store)
    signer = Key(key) if key is not None else None
    refs, url = _parted(refs, to, pins)
    pinned = local_pins(store, _texts(pins))
    named = list(_named(refs))
    withdrawn = [DRef(ref) for ref in named if is_withdrawn(store, ref)]
    rrefs = [*_sendable([r for r in named if r not in withdrawn], store), *_sendable(pinned, store)]
    remote = open_remote(url, make=bool(rrefs or not withdrawn), options=options)
    with heard(progress, listener) as hear:
        sent = send(
            store, rrefs, remote, withdrawn=withdrawn, key=signer, repair=repair,
            diffs=_diffs(diffs), listener=hear,
        )  # fmt: skip
        moved = send_pins(store, remote, pinned, key=signer, repair=repair)
    return replace(sent, pins=moved)


def pull(
    refs: Refs = (),
    from_: Url | None = None,
    *,
    pins: str | Iterable[str] = (),
    trusted_keys: str | Iterable[str] | None = None,
    options: Mapping[str, Any] | None = None,
    listener: Listener = ignore,
    progress: bool = True,
    store: Store | None = None,
) -> Transfer:
    """Fetches realizations, with inputs and attempts, from a remote, where the store lacks them.

    A DRef stands for all its realizations at the remote. Every byte is hashed here. With
    `trusted_keys`, a record counts only if one of these public keys has signed it, and a
    realization only if such a record names it. After a break, call it again: the rest is fetched.
    The realizations that `pins` of the remote name are fetched too; when all is here, the pins of
    the store name them. `pull(from_, pins="serving")` fetches nothing else. With `progress`, a
    terminal shows how far it is.

    Raises BadPlace, NotInStore, ChecksumMismatch, Untrusted, FetchError; then no pin is moved.
    """
    store, trusted = current_store(store), trusting(trusted_keys)
    refs, url = _parted(refs, from_, pins)
    remote = open_remote(url, trusted=trusted, options=options)
    with heard(progress, listener) as hear:
        return receive_pins(store, list(_named(refs)), _texts(pins), remote, hear)


def pins_at(
    url: Url,
    *,
    trusted_keys: str | Iterable[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, list[PinMove]]:
    """The moves of each pin at a remote, first to last; the last one says what it names now.

    Moves are only added there, so that the realization that a pin named before can be seen, and
    pinned and pushed again. With `trusted_keys`, those that one of these public keys has signed.
    Raises BadPlace, NotInStore, FetchError.
    """
    remote = open_remote(url, trusted=trusting(trusted_keys), options=options)
    found = {pin: moves_at(remote, pin) for pin in remote.pins()}
    return {pin: moves for pin, moves in found.items() if moves}


def copy(
    refs: Refs,
    from_store: Store | Url,
    to_store: Store | Url,
    *,
    listener: Listener = ignore,
    progress: bool = True,
) -> Transfer:
    """Copies realizations, with inputs and attempts, from one store to another that lacks them.

    Both are stores of this machine, or their paths; the second is made where there is none. Every
    byte is hashed again. With `progress`, a terminal shows how far it is.

    Raises NotAStore, BadPlace when both are the same store; NotInStore, Corrupted, FetchError when
    the disk of the second has no room.
    """
    source = _store_at(from_store)
    rrefs = _sendable(refs, source)
    target = to_store if isinstance(to_store, Store) else Store(to_store)
    with heard(progress, listener) as hear:
        return copy_realizations(source, target, rrefs, hear)


def _store_at(place: Store | Url) -> Store:
    if isinstance(place, Store):
        return place
    if not exists(expanded(place)):
        raise NotAStore(
            "no store is here",
            path=place,
            remedy="name the folder that holds pystore.json; pull(ref, url) fetches from a remote",
        )
    return Store(place)


def export_archive(
    refs: Refs,
    file: Url,
    *,
    key: Url | None = None,
    diffs: bool | None = None,
    store: Store | None = None,
) -> Transfer:
    """Writes realizations, all they were built from, and their attempts into one `.tar.zst`.

    The same realizations and attempts give the same bytes on every machine. `key` is the file of a
    private key that signs the records; `diffs` as for `push`. Raises BadPlace, NotInStore,
    Corrupted.
    """
    store = current_store(store)
    signer = Key(key) if key is not None else None
    path, rrefs = expanded(file), _sendable(refs, store)
    return archive.export_archive(store, rrefs, path, signer, diffs=_diffs(diffs))


def import_archive(
    file: Url,
    *,
    trusted_keys: str | Iterable[str] | None = None,
    listener: Listener = ignore,
    progress: bool = True,
    store: Store | None = None,
) -> Transfer:
    """Adds to the store the realizations and attempts in a file of `export_archive`.

    All is checked as by `pull`; `trusted_keys` as for `pull`. With `progress`, a terminal shows how
    far it is. Raises UnsafeArchive, ChecksumMismatch, Untrusted, NotInStore when something is
    missing in the file.
    """
    store, trusted = current_store(store), trusting(trusted_keys)
    with heard(progress, listener) as hear:
        return archive.import_archive(store, expanded(file), trusted, hear)


def _parted(refs: Refs, place: Url | None, pins: str | Iterable[str]) -> tuple[Refs, Url]:
    """The references and the place; where only one is given, with pins, it is the place."""
    if place is not None:
        return refs, place
    if pins and isinstance(refs, (str, os.PathLike)):
        return (), refs
    raise BadStage(
        "no place was named",
        given=repr(refs)[:200],
        remedy="name it second: push(ref, url); or alone with pins: push(url, pins='serving')",
    )


def _texts(pins: str | Iterable[str]) -> list[str]:
    return [pins] if isinstance(pins, str) else list(pins)


def _diffs(wanted: bool | None) -> bool:
    return defaults().diffs() if wanted is None else wanted


def _sendable(refs: Refs, store: Store) -> list[RRef]:
    return [rref for ref in _named(refs) for rref in sendable(store, ref)]


def _named(refs: Refs) -> Iterator[DRef | RRef]:
    if isinstance(refs, Closure):
        yield from refs.drefs
    elif isinstance(refs, str) or hasattr(refs, "rref") or hasattr(refs, "dref"):
        yield parse_ref(refs)
    elif isinstance(refs, Iterable):
        for ref in refs.values() if isinstance(refs, Mapping) else refs:
            yield from _named(ref)
    else:
        raise BadStage(
            "not a reference, nor several",
            given=repr(refs)[:200],
            remedy="give an RRef, a DRef, a Closure, or a list of these",
        )
