"""The kinds of nodes in skops files that are known to our loader, and how their values are made.

Each value is made as skops makes it, with the same calls.
"""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from ...core.dataclasses import dataclass
from .arrays import from_npy
from .trusted_by_skops import BIT_GENERATORS, ESTIMATORS, FUNCTIONS, LOSSES, SCALARS, TYPES

Node = dict[str, Any]


class Building:
    """Makes the values of nodes; `read` gives the members of their file."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self.read = read
        self._made: dict[int, Any] = {}  # the objects that stand at several places

    def value(self, node: Node) -> Any:
        """The value of a node."""
        number = node.get("__id__")
        if number in self._made:
            return self._made[number]
        value = KINDS[node["__loader__"]].build(self, node)
        if number is not None:
            self._made[number] = value
        return value

    def values(self, nodes: list[Node]) -> list[Any]:
        """The values of several nodes."""
        return [self.value(node) for node in nodes]


def type_of(node: Node) -> str:
    """The type that a node names, with its module."""
    name: str = node["__module__"] + "." + node["__class__"]
    return name


def _named(its: Building, node: Node) -> Any:
    from importlib import import_module

    return getattr(import_module(node["__module__"]), node["__class__"])


def _json(its: Building, node: Node) -> Any:
    return json.loads(node["content"])


def _slice(its: Building, node: Node) -> Any:
    content = node["content"]
    return slice(content["start"], content["stop"], content["step"])


def _items(its: Building, node: Node) -> Any:
    return _named(its, node)(its.values(node["content"]))


def _dict(its: Building, node: Node) -> Any:
    made = _named(its, node)()
    kinds = its.value(node["key_types"])
    for kind, (key, value) in zip(kinds, node["content"].items(), strict=False):  # as skops does
        made[kind(key)] = its.value(value)
    return made


def _object(its: Building, node: Node) -> Any:
    kind = _named(its, node)
    made = kind.__new__(kind)
    content = node.get("content")
    state = None if content is None else its.value(content)
    if state is not None and hasattr(made, "__setstate__"):
        made.__setstate__(state)
    elif state is not None:
        made.__dict__.update(state)
    return made


def _reduced(its: Building, node: Node) -> Any:
    made = _named(its, node)(*its.value(node["__reduce__"]["args"]))
    if state := its.value(node["content"]):
        made.__setstate__(state)
    return made


def _array(its: Building, node: Node) -> Any:
    if node["type"] == "json":
        return _objects(its, node)
    if node["type"] != "numpy":
        raise ValueError(f"no type of arrays: {node['type']}")
    array = from_npy(its.read(node["file"]))
    return array if node["__class__"] == "ndarray" else _named(its, node)(array)


def _objects(its: Building, node: Node) -> Any:
    import numpy as np

    items = its.values(node["content"])
    if len(its.value(node["shape"])) != 1:
        return np.array(items, dtype=object)
    array = np.ndarray(len(items), dtype=object)  # in which an item may be a list
    for number, item in enumerate(items):
        array[number] = item
    return array


def _masked(its: Building, node: Node) -> Any:
    content = node["content"]
    return _named(its, node)(its.value(content["data"]), its.value(content["mask"]))


def _dtype(its: Building, node: Node) -> Any:
    return its.value(node["content"]).dtype


def _sparse(its: Building, node: Node) -> Any:
    from scipy.sparse import load_npz

    if node["type"] != "scipy":
        raise ValueError(f"no type of sparse matrices: {node['type']}")
    return load_npz(io.BytesIO(its.read(node["file"])))


def _random_state(its: Building, node: Node) -> Any:
    made = _named(its, node)()
    made.set_state(its.value(node["content"]))
    return made


def _generator(its: Building, node: Node) -> Any:
    import numpy as np

    seed = np.random.SeedSequence(**its.value(node["content"]["seed_seq"]))
    bits = getattr(np.random, _bits(node))(seed)
    bits.state = its.value(node["content"]["bit_generator"])
    return _named(its, node)(bit_generator=bits)


def _bits(node: Node) -> Any:
    """The name of the class that makes the bits of a generator."""
    return json.loads(node["content"]["bit_generator"]["content"]["bit_generator"]["content"])


def _has_bits(node: Node) -> bool:
    return _bits(node) in BIT_GENERATORS


@dataclass(frozen=True)
class _Kind:
    """A kind of nodes."""

    build: Callable[[Building, Node], Any]
    fields: frozenset[str]  # beside those that all nodes have
    trusted: frozenset[str] | None  # the types that skops trusts in such nodes; None: all
    known: frozenset[str] | None  # the types that are made here, if they are trusted; None: all
    check: Callable[[Node], bool]


def _of(
    build: Callable[[Building, Node], Any],
    fields: str,
    trusted: Iterable[str] | None,
    untrusted: Iterable[str] | None = (),
    check: Callable[[Node], bool] = lambda node: True,
) -> _Kind:
    """A kind with these fields and types; where `untrusted` is None, types that users trust too."""
    by_skops = None if trusted is None else frozenset(trusted)
    known = None if by_skops is None or untrusted is None else by_skops.union(untrusted)
    return _Kind(build, frozenset(fields.split()), by_skops, known, check)


_BUNCH = "sklearn.utils._bunch.Bunch"
_GENERATOR = "numpy.random._generator.Generator"
_REDUCED = "__reduce__ content"
_SPARSE = {
    f"scipy.sparse._{form}.{form}_{kind}" for form in ("csr", "csc") for kind in ("matrix", "array")
}
KINDS = {
    "JsonNode": _of(_json, "content is_json", None),
    "SliceNode": _of(_slice, "content", None),
    "TypeNode": _of(_named, "", TYPES, None),
    "FunctionNode": _of(_named, "", FUNCTIONS, None),
    "ObjectNode": _of(_object, "content", ESTIMATORS, None),
    "LossNode": _of(_reduced, _REDUCED, LOSSES),
    "TreeNode": _of(_reduced, _REDUCED, (), ["sklearn.tree._tree.Tree"]),
    "DictNode": _of(
        _dict, "content key_types", ["builtins.dict", "collections.OrderedDict"], [_BUNCH]
    ),
    "ListNode": _of(_items, "content", ["builtins.list"]),
    "SetNode": _of(_items, "content", ["builtins.set"]),
    "TupleNode": _of(_items, "content", ["builtins.tuple"]),
    "NdArrayNode": _of(_array, "content file shape type", {*SCALARS, "numpy.ndarray"}),
    "MaskedArrayNode": _of(_masked, "content", ["numpy.ma.MaskedArray"]),
    "DTypeNode": _of(_dtype, "content", (), ["numpy.dtype"]),
    "SparseMatrixNode": _of(_sparse, "file type", (), _SPARSE),
    "RandomStateNode": _of(_random_state, "content", ["numpy.random.mtrand.RandomState"]),
    "RandomGeneratorNode": _of(_generator, "content", [_GENERATOR], check=_has_bits),
}
