"""Lineage: the inputs of a derivation or a realization, all the way up."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...core.errors import NotInStore
from ...core.refs import DRef, RRef
from ...store.store import Store
from .lookup import deps_of

Ref = DRef | RRef


class Node(NamedTuple):
    """A derivation with the derivations that it needs, or a realization with realizations."""

    ref: Ref
    inputs: tuple[Ref, ...] | None  # direct ones; None: it is gone

    def to_dict(self) -> dict[str, Any]:
        """The node as `pystore graph --json` prints it: `ref`, `name`, and `inputs` or null."""
        inputs = None if self.inputs is None else list(self.inputs)
        return {"ref": self.ref, "name": self.ref.name, "inputs": inputs}


def lineage(ref: Ref, store: Store) -> dict[Ref, Node]:
    """The node of this reference and of all that it needs, nearest first."""
    found: dict[Ref, Node] = {}
    waiting = [ref]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = Node(one, _inputs(one, store))
            waiting += reversed(found[one].inputs or ())
    return found


def _inputs(ref: Ref, store: Store) -> tuple[Ref, ...] | None:
    try:
        return tuple(deps_of(ref, store=store))
    except NotInStore:
        return None


class Branch(NamedTuple):
    """One line of a tree: a node below others."""

    node: Node
    last: tuple[bool, ...]  # for each level above it, and its own: whether nothing follows there
    again: bool  # its inputs stand further above


def branches(root: Ref, nodes: Mapping[Ref, Node]) -> Iterator[Branch]:
    """The nodes as lines of a tree of any depth; the inputs of a node stand there once."""
    drawn: set[Ref] = set()
    waiting = [Branch(nodes[root], (), False)]
    while waiting:
        branch = waiting.pop()
        ref, below = branch.node.ref, branch.node.inputs or ()
        yield branch._replace(again=ref in drawn and bool(below))
        if ref not in drawn:
            drawn.add(ref)
            ends = [False] * (len(below) - 1) + [True]
            further = zip(below, ends, strict=False)  # with nothing below, there is no end
            waiting += reversed([Branch(nodes[r], (*branch.last, e), False) for r, e in further])
