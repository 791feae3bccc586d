"""Packing: the columns of attempts as bytes with a checksum, and back.

XP1  A byte that has changed is noticed: the whole is then as good as not there.
"""

import json
import re
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from ...core.digest import short

_PURPOSE = "pystore index 1"
_HEAD = 32 + 8  # the checksum, and the length of the head, both in hexadecimal digits
_HEX = re.compile("[0-9a-f]{32}")
_NONE = "0" * 32
_CODES = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32))  # of unsigned integers

_decode = json.JSONDecoder().decode

Facts = dict[str, Any]  # a JSON object


class Unpackable(Exception):
    """A value has no place in a column: whoever needs it must read the record."""


class Digests(Sequence[str]):
    """Digests of 32 digits, packed; "" stands for 32 zeros."""

    def __init__(self, packed: memoryview) -> None:
        self._packed = packed

    @property
    def packed(self) -> bytes:
        """The bytes of all digests."""
        return bytes(self._packed)

    def __len__(self) -> int:
        return len(self._packed) // 16

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return list(self)[place]
        at = 16 * range(len(self))[place]
        return "" if (text := self._packed[at : at + 16].hex()) == _NONE else text

    def __iter__(self) -> Iterator[str]:
        text = self._packed.hex()
        found = [text[at : at + 32] for at in range(0, len(text), 32)]
        return iter(["" if one == _NONE else one for one in found] if _NONE in text else found)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Digests):
            return self._packed == other._packed
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as lists have none


class Columns(Mapping[str, Sequence[Any]]):
    """Columns that are unpacked when they are asked for."""

    def __init__(self, kinds: Sequence[Sequence[Any]], packed: memoryview) -> None:
        self._kinds, self._packed = kinds, packed  # name, size [bytes] and kind of each
        self._found: dict[str, Sequence[Any]] = {}

    def __getitem__(self, name: str) -> Sequence[Any]:
        if name not in self._found:
            self._found[name] = self._unpack(name)
        return self._found[name]

    def _unpack(self, wanted: str) -> Sequence[Any]:
        at = 0
        for kind in self._kinds:
            if kind[0] == wanted:
                return _unpack(kind[2:], self._packed[at : at + kind[1]])
            at += kind[1]
        raise KeyError(wanted)

    def __contains__(self, name: object) -> bool:
        return any(kind[0] == name for kind in self._kinds)

    def __iter__(self) -> Iterator[str]:
        return (kind[0] for kind in self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def pack(key: str, facts: Facts, columns: Mapping[str, Sequence[Any]]) -> bytes:
    """The bytes that stand for these facts and columns under a key. Raises Unpackable."""
    kinds, parts = [], []
    for name, values in columns.items():
        kind, part = _pack(values)
        kinds.append([name, len(part), *kind])
        parts.append(part)
    head = json.dumps([facts, kinds], separators=(",", ":")).encode()
    text = b"".join([b"%08x" % len(head), head, *parts])
    return _sum(key, text).encode() + text


def unpack(key: str, packed: object) -> tuple[Facts, Columns] | None:
    """The facts and columns in these bytes; None if they are damaged, or of another key (XP1)."""
    if not isinstance(packed, bytes) or len(packed) < _HEAD:
        return None
    view = memoryview(packed)
    if packed[:32] != _sum(key, view[32:]).encode():
        return None
    end = _HEAD + int(packed[32:_HEAD], 16)
    facts, kinds = _decode(packed[_HEAD:end].decode())
    return facts, Columns(kinds, view[end:])


def _sum(key: str, text: bytes | memoryview) -> str:
    return short(_PURPOSE, b"\n".join([key.encode(), sys.byteorder.encode(), text]))


# --- one column ------------------------------------------------------------------------


def _pack(values: Sequence[Any]) -> tuple[list[Any], bytes]:
    """The kind of a column, as JSON, and its bytes."""
    if isinstance(values, Digests):
        return ["digest"], values.packed
    kinds = set(map(type, values))
    if kinds == {list}:
        (value,) = values
        return ["json"], json.dumps(value).encode()
    if kinds <= {float, type(None)}:
        absent = [place for place, value in enumerate(values) if value is None]
        return ["float", absent], array("d", [value or 0.0 for value in values]).tobytes()
    if kinds == {int}:
        return _integers(values)
    if kinds != {str}:
        raise Unpackable
    table = list(dict.fromkeys(values))
    if len(table) == 1:
        return ["same", len(values), table[0]], b""
    if all(one == "" or (_HEX.fullmatch(one) and one != _NONE) for one in table):
        return ["digest"], bytes.fromhex("".join(one or _NONE for one in values))
    places = {one: place for place, one in enumerate(table)}
    (_, code), part = _integers([places[one] for one in values])
    return ["word", code, table], part


def _integers(values: Sequence[int]) -> tuple[list[Any], bytes]:
    least, most = min(values), max(values)
    code = next((code for code, limit in _CODES if least >= 0 and most < limit), "q")
    try:
        return ["integer", code], array(code, values).tobytes()
    except OverflowError:
        raise Unpackable from None


def _unpack(kind: Sequence[Any], part: memoryview) -> Sequence[Any]:
    match kind:
        case ["float", []]:
            return part.cast("d")  # numbers are made when they are looked at: this takes less room
        case ["float", absent]:
            values: list[float | None] = [*part.cast("d")]
            for place in absent:
                values[place] = None
            return values
        case ["integer", code]:
            return part.cast(code)
        case ["json"]:
            return [_decode(str(part, "utf-8"))]
        case ["same", count, value]:
            return [value] * count
        case ["word", code, table]:
            return [table[place] for place in part.cast(code)]
    return Digests(part)
