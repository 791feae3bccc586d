"""Parameters: what tells the configs of several derivations apart, as columns."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ...model.config import Config
from ...model.refs import DRef, selfref

_OWN = ("name", "code")

Parameters = Mapping[str, Any]
"""By dotted name; references are short texts, lists are texts too."""


def differing(configs: Mapping[DRef, Config]) -> dict[DRef, dict[str, Any]]:
    """For each derivation, the parameters in which the configs differ.

    Where these do not tell two apart, columns are added that do: stage, code, dref. Of a stage
    that was edited, its code is always told.
    """
    flat = {dref: flatten(config.value) for dref, config in configs.items()}
    names = dict.fromkeys(name for values in flat.values() for name in values)
    varied = [n for n in names if len({_key(values, n) for values in flat.values()}) > 1]
    found = {dref: {n: v[n] for n in varied if n in v} for dref, v in flat.items()}
    more = {
        "stage": lambda dref: dref.name,
        "code": lambda dref: _short_code(configs[dref]),
        "dref": short,
    }
    for name, value in more.items():
        if _ambiguous(found.values()) or (name == "code" and _edited(configs)):
            extra = {dref: value(dref) for dref in found}
            if len(set(extra.values())) > 1:
                found = {dref: {**values, name: extra[dref]} for dref, values in found.items()}
    return found


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a config by dotted name, without its name, code and promises."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict) and item:
            flat |= flatten(item, f"{prefix}{key}.")
        elif not (isinstance(item, list) and item[:1] == [selfref]):
            flat[prefix + key] = _plain(item)
    return flat if prefix else {k: v for k, v in flat.items() if k not in _OWN}


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
        if _is_path(item):
            return "/".join([short(DRef(item[0])), *item[1:]])
        return json.dumps([_plain(i) for i in item], ensure_ascii=False)
    return json.dumps(item) if isinstance(item, dict) else item


def _is_path(item: list[Any]) -> bool:
    """Whether it is a file of a dependency."""
    text = all(isinstance(i, str) for i in item)
    return text and [i.startswith("dref:") for i in item] == [True, *[False] * (len(item) - 1)]


def _key(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else ""


def _edited(configs: Mapping[DRef, Config]) -> bool:
    """Whether a stage is among them in several versions of its code."""
    versions = {(dref.name, _short_code(config)) for dref, config in configs.items()}
    return len(versions) > len({name for name, _ in versions})


def _ambiguous(found: Iterable[Mapping[str, Any]]) -> bool:
    keys = [repr(sorted(values.items())) for values in found]
    return len(set(keys)) < len(keys)


def _short_code(config: Config) -> str:
    code = config.get("code", "")
    return code[:6] if isinstance(code, str) and len(code) == 32 else str(code)
