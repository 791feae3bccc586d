"""Closing over contexts: realizations with all that they were built from, inputs first."""

from collections.abc import Callable, Iterable, Mapping
from graphlib import TopologicalSorter

from ...core.context import Context
from ...core.errors import NotInStore
from ...core.refs import RRef
from ..store import Store


def inputs(context: Context) -> list[RRef]:
    """All realizations in a context."""
    return [rref for chosen in context.values() for rref in chosen]


def in_order(contexts: Mapping[RRef, Context]) -> list[RRef]:
    """These realizations, each after its inputs; the same order on every machine."""
    graph = {rref: sorted(set(inputs(contexts[rref]))) for rref in sorted(contexts)}
    return [rref for rref in TopologicalSorter(graph).static_order() if rref in contexts]


def closed(
    store: Store, rrefs: Iterable[RRef], absent: Callable[[RRef], bool] = lambda _: False
) -> dict[RRef, Context]:
    """The contexts of realizations of the store, and of all that they were built from.

    Raises NotInStore, unless `absent` says that one need not be here; Corrupted.
    """
    found: dict[RRef, Context] = {}
    stack = list(rrefs)
    while stack:
        rref = stack.pop()
        if rref in found:
            continue
        try:
            store.path(rref)  # raises what is wrong with it
        except NotInStore:
            if absent(rref):
                continue
            raise
        found[rref] = store.context(rref)
        stack += inputs(found[rref])
    return found
