"""Changes: how a derivation differs from an earlier one, in words.

CH1  Everything that is named has changed, and everything that has changed is named.
CH2  A reference in a config is shown as the name of its derivation. The reasons why that
    derivation changed are its own.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from .dataclasses import dataclass, field
from .outlook import Kind
from .printable import counted, listed

_REFERENCE = re.compile(r'"dref:[0-9a-f]{32}-([A-Za-z0-9_-]+)"')
_DIGEST = re.compile(r"[0-9a-f]{32}\Z")
_LENGTH = 60  # [characters] of a value that is shown

Places = Mapping[str, tuple[str, str]]
"""The kind and the file of each part of some code: `{"augment": ("function", "data.py")}`."""


@dataclass(frozen=True)
class Version:
    """The compared sides of a derivation: its config, and the parts of its code, if known."""

    config: Mapping[str, Any]
    parts: Mapping[str, str] = field(default_factory=dict)  # digests, by name
    places: Places = field(default_factory=dict)
    rule: int | None = None  # for the digest of code, if known


@dataclass(frozen=True)
class Change:
    """One difference."""

    kind: Kind
    words: str


def masked(text: str) -> str:
    """The text of a config without the references of its inputs.

    Only derivations with one masked text can ever have results from the same bytes.
    """
    return _REFERENCE.sub('"dref:"', text)


def pairs(config: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Each key with its value as text, so that 1, 1.0 and True differ."""
    return frozenset((key, json.dumps(value, sort_keys=True)) for key, value in config.items())


def distance(old: frozenset[tuple[str, str]], new: frozenset[tuple[str, str]]) -> int:
    """The distance of two configs, given their `pairs`: a changed value counts as two."""
    return len(old ^ new)


def akin(old: Version, new: Version) -> bool:
    """Whether `old` may have become `new`: they share half of the names of the smaller one.

    The names are those of parameters and of parts of the code.
    """
    with_code = bool(old.parts and new.parts)
    one, other = (_traits(version, with_code) for version in (old, new))
    return 2 * len(one & other) >= min(len(one), len(other))


def _traits(version: Version, with_code: bool) -> set[tuple[str, str]]:
    parameters = {("parameter", key) for key in version.config if key not in ("name", "code")}
    own = version.config.get("name")
    return parameters | {("part", name) for name in version.parts if with_code and name != own}


def changes(old: Version, new: Version, realizations: int) -> list[Change]:
    """The changes from `old` to `new`: code, parameters, inputs.

    `realizations` is the number of realizations of `old`.
    """
    code, parameters, inputs = _code(old, new), [], []
    for key in _keys(old.config, new.config):
        if key == "code" and code:
            continue
        before, after = _shown(old.config, key), _shown(new.config, key)
        if before == after:
            inputs.append(f"`{key}`")
        else:
            parameters.append(f"`{key}` {before[:_LENGTH]} → {after[:_LENGTH]}")
    found = [Change("code-changed", code)] if code else []
    if parameters:
        told = f"{', '.join(parameters)}; {_existing(realizations, len(parameters))}"
        found.append(Change("parameters-changed", told))
    if inputs:
        told = f"its input{'s' * (len(inputs) > 1)} {listed(inputs)} changed"
        found.append(Change("input-changed", told))
    return found


def _keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before, after = dict(pairs(old)), dict(pairs(new))
    return [key for key in {**new, **old} if before.get(key) != after.get(key)]


def _shown(config: Mapping[str, Any], key: str) -> str:
    """The value as text; a reference is shown as its name."""
    if key not in config:
        return "(not there)"
    text = json.dumps(config[key], sort_keys=True, ensure_ascii=False)
    return _REFERENCE.sub(r'"dref:\1"', text)


def _existing(count: int, values: int) -> str:
    exist = f"{counted(count, 'realization') if count else 'no realization'} exist"
    return f"{exist}{'s' * (count < 2)} for the old value{'s' * (values > 1)}"


def _code(old: Version, new: Version) -> str:
    """How the code changed; empty if it did not, or if both configs name a version of it."""
    before, after = old.config.get("code"), new.config.get("code")
    if before == after or not (_is_digest(before) or _is_digest(after)):
        return ""
    if old.rule and new.rule and old.rule != new.rule:
        return (
            f"the rule by which code counts changed, from {old.rule} to {new.rule}, which gives "
            "equal code another digest; accept(old, new) keeps the old results"
        )
    told = _parts(old, new) if old.parts and new.parts else []
    return f"`{new.config.get('name')}()` changed" + (f": {', '.join(told)}" if told else "")


def _is_digest(code: object) -> bool:
    return isinstance(code, str) and bool(_DIGEST.match(code))


def _parts(old: Version, new: Version) -> list[str]:
    same = old.parts.keys() & new.parts.keys()
    others = (name for name in new.parts if name in same and old.parts[name] != new.parts[name])
    told = [_named(name, new.places) for name in others]
    told += [_named(name, new.places) + " is new" for name in new.parts if name not in same]
    return told + [_named(name, old.places) + " is gone" for name in old.parts if name not in same]


def _named(name: str, places: Places) -> str:
    kind, file = places.get(name, ("", ""))
    return f"{kind} `{name}`".strip() + (f" in `{file}`" if file else "")
