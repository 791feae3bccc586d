"""Parameters: the values of a config by dotted names."""

import json
from collections.abc import Mapping
from typing import Any

from ..core.refs import DRef, selfref

OWN = ("name", "code")  # keys that are no parameters
ABSENT = object()

Parameters = Mapping[str, Any]
"""By dotted name; references are short texts, lists are texts too."""


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a config by dotted name, without its name, code and promises."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        name = named_inside(prefix, key)
        promised = isinstance(item, list) and item[:1] == [selfref]
        if promised or (not prefix and key in OWN):
            continue
        found = flatten(item, name) if isinstance(item, dict) and item else {name: _plain(item)}
        for inner, told in found.items():
            # A key may have a dot in it, and be no key of a key.
            flat[inner if inner not in flat else json.dumps(inner)] = told
    return flat


def named_inside(place: str, name: str) -> str:
    """The dotted name of what is called `name` in what is at a place; "" is the top."""
    return f"{place}.{name}" if place else name


def cell(parameters: Mapping[str, Any], name: str) -> Any:
    """What a table shows of one: nothing where it is absent, and `None` where it is None."""
    return "None" if name in parameters and parameters[name] is None else parameters.get(name)


def short(dref: DRef) -> str:
    """A derivation in a few characters: `train@1f0c2a`."""
    return dref.short


def _plain(item: Any) -> Any:
    if isinstance(item, str):
        return short(DRef(item)) if item.startswith("dref:") else item
    if isinstance(item, list):
        if is_path(item):
            return "/".join([short(DRef(item[0])), *item[1:]])
        return json.dumps([_plain(i) for i in item], ensure_ascii=False)
    return json.dumps(item) if isinstance(item, dict) else item


def is_path(item: list[Any]) -> bool:
    """Whether it is a file of a dependency."""
    text = all(isinstance(i, str) for i in item)
    return text and [i.startswith("dref:") for i in item] == [True, *[False] * (len(item) - 1)]
