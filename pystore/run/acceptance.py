"""Accepting: old attempts count for a new derivation, by a user's word."""

import os
from dataclasses import replace

from ..core.derivation import Derivation
from ..core.errors import NotInStore
from ..core.refs import RRef
from ..declare.instantiate import declare
from ..declare.registry import Registry
from ..store.current import current_store
from ..store.store import Store
from .verbs import realize_inputs


def accept(old: str, new: Derivation, *, store: Store | None = None) -> RRef:
    """Makes the attempts that made `old` count for another derivation; returns what they made.

    For a change that does not matter: of code, or a new parameter with a neutral default. The
    inputs of `new` are realized. The records remember what was accepted, and by which user.
    Raises NotInStore when `old` is not there whole.
    """
    store = store or current_store()
    rref = RRef(old)
    store.path(rref)
    closure = declare(new, Registry(), store)
    context = realize_inputs(closure, new, store)
    made = [c for c in store.all_candidates(rref.dref) if c.rref == rref]
    # What they have read was of another stage: by the user's word they count here, and only here.
    found = [replace(c, attempts=tuple(a._replace(reads=None) for a in c.attempts)) for c in made]
    notes = {"accepted": f"by user {os.geteuid()}"}
    for accepted, _ in store.adopt(new.config, context, found, notes):
        return accepted
    raise NotInStore(
        "what should be accepted is damaged, or no attempt made it",
        ref=rref,
        remedy="verify() says what is wrong with it",
    )
