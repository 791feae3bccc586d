"""Exchange: results go to other places and come from them; on the current store by default."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..model.derivation import Closure
from ..model.errors import BadStage
from ..model.events import Listener, ignore
from ..model.refs import DRef, RRef, parse_ref
from ..store.current import current_store
from ..store.remote import local, signing
from ..store.remote.moved import Moved
from ..store.remote.receive import receive
from ..store.remote.remote import open_remote
from ..store.remote.send import send
from ..store.remote.signing import Key, trusting
from ..store.store import Store
from .places import Defaults, Url

Refs = Any
"""An RRef, a DRef (all its realizations), a Closure (those of its targets), or several of these."""


def make_key(path: Url) -> str:
    """Writes a new private key into a file that must not be there; returns the public key.

    Push with the file, `push(…, key=path)`; give the public key to those who pull:
    `trusted_keys=[…]`, or PYSTORE_TRUSTED_KEYS. Raises BadPlace.
    """
    return signing.make_key(path)


def push(
    refs: Refs,
    to: Url,
    *,
    key: Url | None = None,
    repair: bool = False,
    options: Mapping[str, Any] | None = None,
    listener: Listener = ignore,
    store: Store | None = None,
) -> Moved:
    """Makes sure that a remote has these realizations, all they were built from, and the attempts.

    `to` is a path or a URL (`s3://bucket/folder`, `sftp://…`, `memory://…`); `options` are those of
    fsspec for it. Only what is missing is sent; after a break, call it again. `key` is the file of
    a private key that signs the records; `repair` sends again what seems to be there.

    Raises BadPlace, NotInStore, Corrupted before anything is sent; FetchError.
    """
    store = store or current_store()
    signer = Key(key) if key is not None else None
    rrefs = list(_sendable(refs, store))
    remote = open_remote(to, make=True, options=options)
    return send(store, rrefs, remote, key=signer, repair=repair, listener=listener)


def pull(
    refs: Refs,
    from_: Url,
    *,
    trusted_keys: Iterable[str] | None = None,
    options: Mapping[str, Any] | None = None,
    listener: Listener = ignore,
    store: Store | None = None,
) -> Moved:
    """Makes sure that the store has these realizations of a remote, with inputs and attempts.

    Of a DRef, all that are there. Only what is missing is fetched, and nothing is believed: every
    byte is hashed here. With `trusted_keys`, records that none of these public keys has signed
    do not count, nor what only they made. After a break, call it again.

    Raises BadPlace, NotInStore, ChecksumMismatch, Untrusted, FetchError.
    """
    store = store or current_store()
    trusted = trusting(Defaults.trusted_keys() if trusted_keys is None else trusted_keys)
    remote = open_remote(from_, trusted=trusted, options=options)
    return receive(store, list(_named(refs)), remote, listener)


def _sendable(refs: Refs, store: Store) -> Iterator[RRef]:
    for ref in _named(refs):
        if isinstance(ref, RRef):
            yield local.sendable_one(store, ref)
        else:
            yield from local.sendable(store, ref)


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
