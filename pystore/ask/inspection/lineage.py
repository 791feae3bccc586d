"""Lineage: what something was made from, all the way up."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ...core.errors import NotInStore
from ...core.refs import DRef, RRef
from ...store.store import Store
from .lookup import deps_of

Ref = DRef | RRef


def lineage(ref: Ref, store: Store) -> dict[Ref, tuple[Ref, ...] | None]:
    """The direct inputs of this and of all it needs, nearest first; None of what is gone.

    Realizations of a realization, derivations of a derivation.
    """
    found: dict[Ref, tuple[Ref, ...] | None] = {}
    waiting = [ref]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = _inputs(one, store)
            waiting += reversed(found[one] or ())
    return found


def _inputs(ref: Ref, store: Store) -> tuple[Ref, ...] | None:
    try:
        return tuple(deps_of(ref, store=store))
    except NotInStore:
        return None


class Branch(NamedTuple):
    """One line of a tree: a node below others."""

    ref: Ref
    last: tuple[bool, ...]  # for each level above it, and its own: whether nothing follows there
    again: bool  # its inputs were shown before


def branches(root: Ref, inputs: Mapping[Ref, tuple[Ref, ...] | None]) -> Iterator[Branch]:
    """The nodes as lines of a tree; the inputs of a node are shown once, however deep."""
    shown: set[Ref] = set()
    waiting = [Branch(root, (), False)]
    while waiting:
        branch = waiting.pop()
        below = inputs[branch.ref] or ()
        again = branch.ref in shown and bool(below)
        yield branch._replace(again=again)
        if branch.ref not in shown:
            shown.add(branch.ref)
            ends = [False] * (len(below) - 1) + [True]
            further = zip(below, ends, strict=False)  # with nothing below, there is no end
            waiting += reversed([Branch(r, (*branch.last, end), False) for r, end in further])
