"""Accepting: a user lets old attempts count for a new derivation."""

import os
from pathlib import Path

from ..core.dataclasses import replace
from ..core.derivation import Closure, Derivation
from ..core.errors import BadRef, NotInStore
from ..core.printable import listed
from ..core.refs import RRef
from ..declare.instantiate import declare
from ..declare.registry import Registry
from ..store.current import current_store
from ..store.staging import lacking
from ..store.store import Store
from .verbs import realize_inputs


def accept(old: str, new: Derivation, *, store: Store | None = None) -> RRef:
    """Lets the attempts that made `old` count for another derivation; returns its realization.

    For a change that does not matter: of code, or a new parameter with a neutral default. The
    inputs of `new` are realized. The records remember what was accepted, and by which user.
    Raises NotInStore when `old` is not there, or is damaged, BadRef when it was rejected, or when
    it lacks a file that `new` promises.
    """
    store = current_store(store)
    store.path(RRef(old))
    return accept_in(declare(new, Registry(), store), RRef(old), new, store)


def accept_in(closure: Closure, rref: RRef, new: Derivation, store: Store) -> RRef:
    """As `accept`, for a derivation of a closure."""
    if reason := store.rejection(rref):
        raise BadRef(
            "this realization was rejected, and can be accepted no more",
            ref=rref,
            reason=reason,
            remedy="accept another one, or build it anew",
        )
    _check_promises(store.path(rref), rref, new)
    context = realize_inputs(closure, new, store)
    made = [c for c in store.all_candidates(rref.dref) if c.rref == rref]
    # Their `reads` are of another stage; without them, they count for `new`, and nowhere else.
    found = [replace(c, attempts=tuple(a._replace(reads=None) for a in c.attempts)) for c in made]
    notes = {"accepted": f"by user {os.geteuid()}"}
    for accepted, _ in store.adopt(new.config, context, found, notes):
        return accepted
    raise NotInStore(
        "what should be accepted is damaged, or no attempt made it",
        ref=rref,
        remedy="verify() says what is wrong with it",
    )


def _check_promises(out: Path, rref: RRef, new: Derivation) -> None:
    if missing := lacking(new.config, out):
        raise BadRef(
            f"this realization lacks files that {new.dref.name} promises",
            ref=rref,
            missing=listed(missing),
            there_are=listed(sorted(os.listdir(out))) or "no files",
            remedy="name a realization of the same stage",
        )
