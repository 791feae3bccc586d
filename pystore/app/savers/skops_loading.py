"""Skops files of ours, loaded without skops, whose import takes seconds.

KN1  A file is loaded as skops loads it: the value is the same, and no other code is run.
KN2  All types of a file are looked at before one is imported, and none is trusted that skops would
     not trust.
KN3  A file with a node that is not known here is left to skops.

A node of the file's schema says how one object is made. `skops_nodes.py` has the kinds of nodes
that are known, each with its fields and its types.
"""

import io
import json
from collections.abc import Callable
from typing import Any

from ...core.dataclasses import dataclass
from .skops_nodes import KINDS, Building, Node, type_of

_PROTOCOL = 2
_FIELDS = {"__class__", "__id__", "__loader__", "__module__"}


@dataclass(frozen=True)
class Known:
    """A file whose nodes are all known.

    `needs` are the types that skops does not trust by itself. Build the value only if somebody
    trusts all of them.
    """

    needs: frozenset[str]
    root: Node
    read: Callable[[str], bytes]  # a member of the file

    def build(self) -> Any:
        """The value. Raises whatever its classes raise, and errors of damage."""
        return Building(self.read).value(self.root)


def known(content: bytes) -> Known | None:
    """The file, if all of it is known (KN3). Nothing of it is imported (KN2)."""
    from zipfile import ZipFile

    nodes: list[Node] = []  # those within a node before it
    try:
        archive = ZipFile(io.BytesIO(content))
        schema = json.loads(archive.read("schema.json"), object_hook=_noting(nodes))
        protocol = schema.pop("protocol")
        is_known = type(protocol) is int and protocol == _PROTOCOL and nodes[-1] is schema
        if not (is_known and all(map(_is_known, nodes)) and _are_numbered(nodes)):
            return None
        needs = frozenset(type_of(node) for node in nodes if not _is_trusted(node))
        return Known(needs, schema, archive.read)
    except Exception:  # a file may be damaged in any way: skops says what it is
        return None


def _noting(nodes: list[Node]) -> Callable[[Node], Node]:
    """What notes the nodes among the objects of a text. Keys of users are keys of no node."""

    def note(found: Node) -> Node:
        if isinstance(found.get("__loader__"), str):
            nodes.append(found)
        return found

    return note


def _is_known(node: Node) -> bool:
    kind, name = KINDS.get(node["__loader__"]), type_of(node)
    return (
        kind is not None
        and node.keys() - _FIELDS <= kind.fields
        and (kind.known is None or name in kind.known)
        and kind.check(node)
    )


def _is_trusted(node: Node) -> bool:
    kind = KINDS[node["__loader__"]]
    return kind.trusted is None or type_of(node) in kind.trusted


def _are_numbered(nodes: list[Node]) -> bool:
    """Whether nodes of one number are equal; skops takes the first of them for all."""
    first: dict[int, Node] = {}
    numbered = [(node["__id__"], node) for node in nodes if "__id__" in node]
    return all(
        type(number) is int and number > 0 and first.setdefault(number, node) == node
        for number, node in numbered
    )
