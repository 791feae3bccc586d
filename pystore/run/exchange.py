"""Exchange: results go to other places and come from them; on the current store by default."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core.derivation import Closure
from ..core.errors import BadStage, NotAStore
from ..core.events import Listener, ignore
from ..core.refs import DRef, RRef, parse_ref
from ..core.transfer import Transfer
from ..store.current import current_store
from ..store.defaults import defaults, heard
from ..store.home import expanded
from ..store.layout import exists
from ..store.remote.settings import Url
from ..store.store import Store

# What does the work is imported where it is called: few programs need it.

Refs = Any
"""An RRef, a DRef (all its realizations), a Closure (those of its targets), or several of these."""


def make_key(path: Url) -> str:
    """Writes a new private key into a file that must not be there; returns the public key.

    Push with the file, `push(…, key=path)`; give the public key to those who pull:
    `trusted_keys=[…]`, or PYSTORE_TRUSTED_KEYS. Raises BadPlace.
    """
    from ..store.remote.signing import make_key

    return make_key(path)


def push(
    refs: Refs,
    to: Url,
    *,
    key: Url | None = None,
    repair: bool = False,
    diffs: bool | None = None,
    options: Mapping[str, Any] | None = None,
    listener: Listener = ignore,
    progress: bool = True,
    store: Store | None = None,
) -> Transfer:
    """Makes sure that a remote has these realizations, all they were built from, and the attempts.

    `to` is a path or a URL (`s3://bucket/folder`, `sftp://…`, `memory://…`); `options` are those of
    fsspec for it. Only what is missing is sent; after a break, call it again. `key` is the file of
    a private key that signs the records; `repair` sends again what seems to be there, but for
    records that can be read. With `diffs=False`, the uncommitted changes of the project, which
    attempts remember, stay here (default: PYSTORE_DIFFS, else they go along). With `progress`, a
    terminal shows how far it is.

    Raises BadPlace, NotInStore, Corrupted before anything is sent; FetchError.
    """
    from ..store.remote.remote import open_remote
    from ..store.remote.send import send
    from ..store.remote.signing import Key

    store = store or current_store()
    signer = Key(key) if key is not None else None
    rrefs = list(_sendable(refs, store))
    remote = open_remote(to, make=True, options=options)
    with heard(progress, listener) as hear:
        return send(
            store, rrefs, remote, key=signer, repair=repair, diffs=_diffs(diffs), listener=hear
        )


def pull(
    refs: Refs,
    from_: Url,
    *,
    trusted_keys: str | Iterable[str] | None = None,
    options: Mapping[str, Any] | None = None,
    listener: Listener = ignore,
    progress: bool = True,
    store: Store | None = None,
) -> Transfer:
    """Makes sure that the store has these realizations of a remote, with inputs and attempts.

    Of a DRef, all that are there. Only what is missing is fetched, and nothing is believed: every
    byte is hashed here. With `trusted_keys`, records that none of these public keys has signed
    do not count, nor what only they made. After a break, call it again. With `progress`, a
    terminal shows how far it is.

    Raises BadPlace, NotInStore, ChecksumMismatch, Untrusted, FetchError.
    """
    from ..store.remote.receive import receive
    from ..store.remote.remote import open_remote

    store, trusted = store or current_store(), _trusted(trusted_keys)
    remote = open_remote(from_, trusted=trusted, options=options)
    with heard(progress, listener) as hear:
        return receive(store, list(_named(refs)), remote, hear)


def copy(
    refs: Refs,
    from_store: Store | Url,
    to_store: Store | Url,
    *,
    listener: Listener = ignore,
    progress: bool = True,
) -> Transfer:
    """Makes sure that one store has these realizations of another, with inputs and attempts.

    Both are stores of this machine, or their paths; the second is made where there is none. Every
    byte is hashed again. With `progress`, a terminal shows how far it is.

    Raises NotAStore, BadPlace when both are one; NotInStore, Corrupted, FetchError when the disk
    of the second cannot take it.
    """
    from ..store.remote.copy_stores import copy_between

    source = _store_at(from_store)
    rrefs = list(_sendable(refs, source))
    target = to_store if isinstance(to_store, Store) else Store(to_store)
    with heard(progress, listener) as hear:
        return copy_between(source, target, rrefs, hear)


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

    The same realizations and attempts give the same bytes, wherever they are packed. `key` is the
    file of a private key that signs the records; `diffs` as for `push`. Raises BadPlace,
    NotInStore, Corrupted.
    """
    from ..store.remote import archive
    from ..store.remote.signing import Key

    store = store or current_store()
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
    """Makes sure that the store has what `export_archive` has put into a file.

    All of it is checked, as what is pulled.

    With `progress`, a terminal shows how far it is.
    Raises UnsafeArchive, ChecksumMismatch, Untrusted, NotInStore when it is not whole.
    """
    from ..store.remote import archive

    store, trusted = store or current_store(), _trusted(trusted_keys)
    with heard(progress, listener) as hear:
        return archive.import_archive(store, expanded(file), trusted, hear)


def _diffs(wanted: bool | None) -> bool:
    return defaults().diffs() if wanted is None else wanted


def _trusted(keys: str | Iterable[str] | None) -> frozenset[str] | None:
    from ..store.remote.signing import trusting

    return trusting(defaults().trusted_keys() if keys is None else keys)


def _sendable(refs: Refs, store: Store) -> Iterator[RRef]:
    from ..store.remote.shipment import sendable, sendable_one

    for ref in _named(refs):
        if isinstance(ref, RRef):
            yield sendable_one(store, ref)
        else:
            yield from sendable(store, ref)


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
