"""Skops files in one canonical form: the same estimator gives the same bytes.

SK1  No address, time, counter, hash seed or version of skops is in the bytes.
SK2  A canonical file is a skops file: skops loads the same from both.

As skops writes it, a file names objects and members by addresses, orders sets by hashes, and keeps
what memory holds between the fields of structured arrays.
"""

import io
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from .arrays import from_npy, npy

_SCHEMA = "schema.json"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can have
# Two of these that are one object, or two equal objects, are the same to all who use them.
_VALUES = {"JsonNode", "TypeNode", "FunctionNode", "TupleNode", "BytesNode", "DTypeNode"}
_SEARCHES = "sklearn.model_selection._search"
_ADDRESS = "_stop_words_id"  # a vectorizer notes which object it has checked
# Trees of neighbors count how they are asked: these places of their state are counters.
_COUNTED = {f"{kind}{size}" for kind in ("KDTree", "BallTree") for size in ("", "32", "64")}
_COUNTERS = slice(7, 11)
_TIMES = {
    "mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time", "refit_time_",
}  # fmt: skip


def canonical(content: bytes) -> bytes:
    """The same file in canonical form (SK1, SK2), not compressed."""
    import zipfile

    with zipfile.ZipFile(io.BytesIO(content)) as source:
        schema = json.loads(source.read(_SCHEMA))
        members = {name: source.read(name) for name in source.namelist() if name != _SCHEMA}
    schema.pop("_skops_version", None)
    untimed = _without_times(schema)
    _without_addresses(schema)
    _without_counters(schema)
    clean = {old: _clean(old, content, old in untimed) for old, content in members.items()}
    _number(schema)
    texts = _renamed(schema, clean)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for name, text in [(_SCHEMA, _compact(schema).encode()), *texts.items()]:
            member = zipfile.ZipInfo(name, _DATE)
            member.create_system = 3  # Unix, on every system
            target.writestr(member, text)
    return out.getvalue()


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    """The nodes of a schema in document order. Keys of users are keys of no node."""
    if isinstance(part, dict):
        if isinstance(part.get("__loader__"), str):
            yield part
        for inner in part.values():
            yield from _nodes(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _nodes(inner)


def _number(schema: dict[str, Any]) -> None:
    """Numbers the objects that stand at several places; the others need no number."""
    for node in _nodes(schema):
        if node["__loader__"] in _VALUES or _is_scalar(node):
            node.pop("__id__", None)
    counted = Counter(node["__id__"] for node in _nodes(schema) if "__id__" in node)
    for node in _nodes(schema):
        if counted[node.get("__id__")] < 2:
            node.pop("__id__", None)
    for node in _nodes(schema):
        if node["__loader__"] == "SetNode":
            node["content"].sort(key=_text_of)
    numbers: dict[int, int] = {}
    for node in _nodes(schema):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)


def _is_scalar(node: dict[str, Any]) -> bool:
    return (node["__loader__"], node["__class__"] == "ndarray") == ("NdArrayNode", False)


def _text_of(node: Any) -> str:
    """A text for the order of a set: that of an item without its addresses."""
    if isinstance(node, dict):
        inner = {k: _text_of(v) for k, v in node.items() if k not in ("__id__", "file")}
        return _compact(inner)
    return _compact([_text_of(item) for item in node] if isinstance(node, list) else node)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _renamed(schema: dict[str, Any], members: dict[str, bytes]) -> dict[str, bytes]:
    """The members by new names, numbered in document order; equal ones are one member."""
    names: dict[tuple[str, bytes], str] = {}
    for node in _nodes(schema):
        if isinstance(old := node.get("file"), str):
            same = (PurePath(old).suffix, members[old])
            node["file"] = names.setdefault(same, f"{len(names) + 1}{same[0]}")
    return {name: content for (_, content), name in names.items()}


def _without_times(schema: dict[str, Any]) -> set[str]:
    """Makes nan of how long a search took; gives the members that must follow."""
    untimed = set()
    for search in _nodes(schema):
        if search["__module__"] != _SEARCHES:
            continue
        for node in _nodes(search):
            if node["__loader__"] == "DictNode":
                timed = [node["content"][key] for key in _TIMES & node["content"].keys()]
                for one in timed:
                    if one["__loader__"] == "JsonNode":
                        one["content"] = "NaN"
                    elif "file" in one:
                        untimed.add(one["file"])
    return untimed


def _without_addresses(schema: dict[str, Any]) -> None:
    """Removes the attribute that is an address; where it is not, a vectorizer checks again."""
    for node in _nodes(schema):
        if node["__loader__"] == "DictNode" and _ADDRESS in node["content"]:
            del node["key_types"]["content"][list(node["content"]).index(_ADDRESS)]
            del node["content"][_ADDRESS]


def _without_counters(schema: dict[str, Any]) -> None:
    """Makes 0 of what changes when a tree of neighbors is only asked."""
    for node in _nodes(schema):
        if node["__class__"] in _COUNTED and isinstance(state := node.get("content"), dict):
            for counter in state["content"][_COUNTERS]:
                if counter["__loader__"] == "JsonNode" and counter["content"].isdigit():
                    counter["content"] = "0"


def _clean(name: str, content: bytes, untimed: bool) -> bytes:
    """A member without what chance has put into it."""
    if not name.endswith(".npy"):
        return content
    array = from_npy(content)
    if untimed:
        array.fill(math.nan)
    return npy(array) if untimed or array.dtype.names else content
