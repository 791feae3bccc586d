"""Parameters: the values of a config by dotted names."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..core.refs import DRef, is_promise

OWN = ("name", "code")  # keys that are no parameters
CHOICE = "best-of"  # the key of the config of a choice; no parameter can have this name
ABSENT = object()
_WRITTEN = (str, list, dict)  # what is written otherwise than it is

Parameters = Mapping[str, Any]
"""Values by dotted name; references are short texts, and lists are texts, too."""


def flatten(
    value: Mapping[str, Any], prefix: str = "", text: Callable[[Any], Any] | None = None
) -> dict[str, Any]:
    """The values of a config by dotted name, without its name, its code and its promises.

    Texts and lists are given as `text` writes them; by default as people read them.
    """
    write = text or _plain
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if (not prefix and key in OWN) or (isinstance(item, list) and is_promise(item)):
            continue
        name = named_inside(prefix, key)
        if not isinstance(item, _WRITTEN):  # the usual case
            flat[name if name not in flat else json.dumps(name)] = item
            continue
        if isinstance(item, dict) and item:
            found = flatten(item, name, text)
        else:
            found = {name: write(item)}
        for inner, part in found.items():
            # A key with a dot in it may read like a key inside of another one.
            flat[inner if inner not in flat else json.dumps(inner)] = part
    return flat


def named_inside(place: str, name: str) -> str:
    """The dotted name of `name` inside of the value at a place; "" is the top."""
    return f"{place}.{name}" if place else name


def cell(parameters: Mapping[str, Any], name: str) -> Any:
    """A parameter in a table: None, which shows nothing, if it is absent; "None" if it is None."""
    return "None" if name in parameters and parameters[name] is None else parameters.get(name)


def _plain(item: Any) -> Any:
    if isinstance(item, str):
        return DRef(item).short if item.startswith("dref:") else item
    if isinstance(item, list):
        if is_path(item):
            return "/".join([DRef(item[0]).short, *item[1:]])
        return json.dumps([_plain(i) for i in item], ensure_ascii=False)
    return json.dumps(item) if isinstance(item, dict) else item


def is_path(item: list[Any]) -> bool:
    """Whether a list of a config is a file of an input: `[dref, "file"]`."""
    text = all(isinstance(i, str) for i in item)
    return text and [i.startswith("dref:") for i in item] == [True, *[False] * (len(item) - 1)]
