"""The ancestry of realizations: all inputs that they were built from, directly or not."""

from collections.abc import Callable, Iterable, Mapping
from graphlib import TopologicalSorter

from ...core.context import Context
from ...core.errors import NotInStore
from ...core.refs import RRef
from ..store import Store


def inputs(context: Context) -> list[RRef]:
    """The realizations in a context."""
    return [rref for chosen in context.values() for rref in chosen]


def in_order(contexts: Mapping[RRef, Context]) -> list[RRef]:
    """The realizations, each after its inputs; the order is the same on every machine."""
    graph = {rref: sorted(set(inputs(contexts[rref]))) for rref in sorted(contexts)}
    return [rref for rref in TopologicalSorter(graph).static_order() if rref in contexts]


def hold_with_ancestors(
    store: Store, rrefs: Iterable[RRef], optional: Callable[[RRef], bool] = lambda _: False
) -> dict[RRef, Context]:
    """The contexts of these realizations and of all their ancestors, inputs first.

    The store holds all of them. An absent realization is left out where `optional` says so. Raises
    NotInStore, Corrupted.
    """
    found: dict[RRef, Context] = {}
    stack = list(rrefs)
    while stack:
        rref = stack.pop()
        if rref in found:
            continue
        try:
            store.path(rref)
        except NotInStore:
            if optional(rref):
                continue
            raise
        found[rref] = store.context(rref)
        stack += inputs(found[rref])
    store.hold(tuple(found))
    return {rref: found[rref] for rref in in_order(found)}
