"""Used by: the realizations that were built directly from one.

UB1  What is found is what is found by reading all contexts; only one of each context is read.
"""

from collections.abc import Iterator

from ...core.errors import Corrupted, NotInStore
from ...core.holding import Holding
from ...core.refs import RRef
from ...store.store import Store


def used_by(rref: RRef, store: Store) -> list[RRef]:
    """The realizations whose contexts name this one and whose bytes are here, sorted."""
    held = store.holdings(store.drefs()).values()
    mine = (one for one in held if one.config is not None and rref.dref in one.config.inputs)
    return sorted(found for one in mine for found in _of(rref, one, store))


def _of(rref: RRef, held: Holding, store: Store) -> Iterator[RRef]:
    """Those of one derivation."""
    contexts, tries = dict[str, bool](), held.attempts
    known = dict(zip(tries.made, tries.columns["context"], strict=True)) if tries.count else {}
    for found in held.realizations():
        context = known.get(found.digest)
        if context is None:  # the records of its attempts are lost
            uses = _names(found, rref, store)
        elif context in contexts:
            uses = contexts[context]
        else:
            uses = contexts[context] = _names(found, rref, store)
        if uses:
            yield found


def _names(found: RRef, rref: RRef, store: Store) -> bool:
    try:
        return any(rref in rrefs for rrefs in store.context(found).values())
    except (NotInStore, Corrupted):
        return False
