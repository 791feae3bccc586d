"""Difference: how two realizations, or two derivations, differ."""

import difflib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...core.context import Context
from ...core.dataclasses import dataclass, field, replace
from ...core.manifest import Entry, encode_name
from ...core.refs import DRef, RRef
from ...declare.parameters import flatten
from ...store.store import Store
from .attempts import newest_first
from .ran_code import changed_lines, digests_of, kept, noted_parts

_LARGEST = 1 << 16  # [bytes] of a text file whose lines are compared


@dataclass(frozen=True)
class Changed:
    """A value that differs; None on a side that lacks it."""

    key: str
    a: Any
    b: Any
    lacking: tuple[bool, bool] = (False, False)  # which side has no such value, not even None

    def to_dict(self) -> dict[str, Any]:
        """The value for programs: `key`, `a` and `b`."""
        return {"key": self.key, "a": self.a, "b": self.b}


@dataclass(frozen=True)
class ChangedCode(Changed):
    """A part of the code that differs, by the digests of the sides."""

    lines: tuple[str, ...] = ()  # a unified diff, where both texts were kept

    def to_dict(self) -> dict[str, Any]:
        """The part for programs: `key`, `a` and `b`, and `lines` of a unified diff."""
        return {**super().to_dict(), "lines": list(self.lines)}


@dataclass(frozen=True)
class ChangedArtifact:
    """An artifact that differs, with the lines that differ if it is a small text."""

    path: bytes
    a: Entry | None
    b: Entry | None
    lines: tuple[str, ...] = ()  # a unified diff

    def to_dict(self) -> dict[str, Any]:
        """The artifact for programs: `path`, `a`, `b`, and `lines` of a unified diff.

        `a` and `b` are objects with `kind`, `size`, `executable`, `digest` and `target`, or null.
        """
        path = encode_name(self.path)
        return {"path": path, "a": _facts(self.a), "b": _facts(self.b), "lines": list(self.lines)}


def _facts(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    known = {key: getattr(entry, key) for key in ("kind", "size", "executable", "digest")}
    return {**known, "target": encode_name(entry.target)}


@dataclass(frozen=True)
class Difference:
    """The differences between two sides; a part is empty if they agree in it."""

    a: DRef | RRef
    b: DRef | RRef
    config: tuple[Changed, ...] = ()  # parameters, by dotted name
    code: tuple[ChangedCode, ...] = ()  # digests of functions and constants, by name
    inputs: tuple[Changed, ...] = ()  # lists of realizations, by the derivation's name
    artifacts: tuple[ChangedArtifact, ...] = ()
    metrics: tuple[Changed, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The difference as `pystore diff --json` prints it.

        `a` and `b`, and the lists `config`, `inputs`, `metrics` of `Changed.to_dict`, `code` of
        `ChangedCode.to_dict` and `artifacts` of `ChangedArtifact.to_dict`.
        """
        parts = ("config", "code", "inputs", "metrics", "artifacts")
        lists = {part: [one.to_dict() for one in getattr(self, part)] for part in parts}
        return {"a": self.a, "b": self.b, **lists}


@dataclass(frozen=True)
class _Side:
    ref: DRef | RRef
    parameters: Mapping[str, Any]
    exact: Mapping[str, Any]  # the same; a text is told apart from a list that reads like it
    code: str | None  # the digest of all code, from the config
    parts: Mapping[str, str]  # digests of functions, from an attempt; empty: not known
    by_hand: Mapping[str, str]  # the digest of a realizer that was written by hand, by its name
    inputs: Mapping[str, Any]
    metrics: Mapping[str, float]
    entries: Mapping[bytes, Entry] = field(default_factory=dict)


def difference(a: DRef | RRef, b: DRef | RRef, store: Store) -> Difference:
    """How `b` differs from `a`. Derivations have only config, code and inputs to compare."""
    one, other = _side(a, store), _side(b, store)
    return Difference(
        a,
        b,
        tuple(_changed_parameters(one, other)),
        tuple(_code(one, other, store)),
        tuple(_changed(one.inputs, other.inputs)),
        tuple(_artifacts(one, other, store)),
        tuple(_changed(one.metrics, other.metrics)),
    )


def _side(ref: DRef | RRef, store: Store) -> _Side:
    dref = ref.dref
    config = store.config(dref)
    made = newest_first([ref], store)
    parts = next(filter(None, map(noted_parts, made)), {})
    by_hand = digests_of(made[0]) if made and not parts else {}
    parameters, code = flatten(config.value), config.get("code")
    exact = flatten(config.value, text=json.dumps)
    if isinstance(ref, DRef):
        inputs = _named({d: [d] for d in config.inputs})
        return _Side(ref, parameters, exact, code, parts, by_hand, inputs, {})
    entries = {entry.path: entry for entry in store.manifest(ref).entries}
    metrics = made[0].metrics if made else {}
    inputs = _named(store.context(ref))
    return _Side(ref, parameters, exact, code, parts, by_hand, inputs, metrics, entries)


def _code(one: _Side, other: _Side, store: Store) -> Iterator[ChangedCode]:
    sides = (one.parts, other.parts)
    if one.code == other.code and not any(sides):
        sides = (one.by_hand, other.by_hand)
    if all(sides):
        for part in _changed(*sides):
            a, b = (kept(store, digest) if digest else None for digest in (part.a, part.b))
            lines = changed_lines(part.key, a, b)
            yield ChangedCode(part.key, part.a, part.b, part.lacking, lines)
    elif one.code != other.code:
        yield ChangedCode("(all of it)", one.code, other.code)


def _named(context: Context | Mapping[DRef, Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for dref, refs in context.items():
        found.setdefault(dref.name, []).extend(refs)
    return found


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Changed]:
    for key in dict.fromkeys([*one, *other]):
        # 1, 1.0 and True are three values of a config.
        if key not in one or key not in other or repr(one[key]) != repr(other[key]):
            yield Changed(key, one.get(key), other.get(key), (key not in one, key not in other))


def _changed_parameters(one: _Side, other: _Side) -> Iterator[Changed]:
    for changed in _changed(one.exact, other.exact):
        a, b = (side.parameters.get(changed.key) for side in (one, other))
        yield changed if a == b and isinstance(a, str) else replace(changed, a=a, b=b)


def _artifacts(one: _Side, other: _Side, store: Store) -> Iterator[ChangedArtifact]:
    if isinstance(one.ref, DRef) or isinstance(other.ref, DRef):
        return
    for path in sorted(one.entries.keys() | other.entries.keys()):
        a, b = one.entries.get(path), other.entries.get(path)
        if a != b:
            lines = _lines(one.ref, other.ref, path, store) if _texts(a, b) else ()
            yield ChangedArtifact(path, a, b, tuple(lines))


def _texts(a: Entry | None, b: Entry | None) -> bool:
    return all(e is not None and e.kind == "file" and e.size <= _LARGEST for e in (a, b))


def _lines(one: RRef, other: RRef, path: bytes, store: Store) -> list[str]:
    try:
        a, b = (_text(rref, path, store) for rref in (one, other))
    except (UnicodeDecodeError, FileNotFoundError):
        return []  # no text, or removed just now
    if "\0" in a + b:
        return []
    return list(difflib.unified_diff(a.splitlines(), b.splitlines(), "a", "b", lineterm=""))


def _text(rref: RRef, path: bytes, store: Store) -> str:
    with store.open(rref, os.fsdecode(path)) as file:
        return file.read().decode()
