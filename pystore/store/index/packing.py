"""Packing: columns of several derivations as one page of bytes with a checksum, and back.

XP1  A byte that has changed is noticed: the whole page is then as good as not there.
"""

import json
import re
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple, overload

from ...core.digest import short
from ...core.refs import DRef

_PURPOSE = "pystore index 1"
_HEAD = 32 + 8  # the checksum, and the length of the head, both in hexadecimal digits
_HEX = re.compile("[0-9a-f]{32}")
_NONE = "0" * 32
_SIZES = {"integer": 8, "natural": 4, "float": 8, "digest": 16}  # [bytes] of a value
_CODES = {"integer": "q", "natural": "I", "float": "d"}  # of arrays

_decode = json.JSONDecoder().decode


class Unpackable(Exception):
    """A value has no place in a column: whoever needs it must read the record."""


class Segment(NamedTuple):
    """The part of a column that is about one derivation.

    Its kind is "integer" (64 bits), "natural" (32 bits), "float", "digest", "word", or "json":
    one value of any kind.
    """

    kind: str
    length: int  # the number of values
    part: Any  # bytes; of words and of JSON, a value that JSON can write
    absent: Sequence[int] = ()  # the places of floats that are None


class Piece(NamedTuple):
    """The part of a page that is about one derivation."""

    facts: Any  # a value that JSON can write
    columns: Mapping[str, Segment]


class Digests(Sequence[str]):
    """Digests of 32 digits, packed; "" stands for 32 zeros."""

    def __init__(self, packed: memoryview) -> None:
        self._packed = packed

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
            return bytes(self._packed) == bytes(other._packed)
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as lists have none


# --- one segment -----------------------------------------------------------------------


def segment(kind: str, values: Sequence[Any]) -> Segment:
    """The segment of a kind with these values. Raises Unpackable."""
    part, *absent = _PACKERS[kind](values)
    return Segment(kind, len(values), part, *map(tuple, absent))


def _pack_integers(code: str) -> Callable[[Sequence[int]], tuple[bytes]]:
    def pack(values: Sequence[int]) -> tuple[bytes]:
        if set(map(type, values)) - {int}:
            raise Unpackable
        try:
            return (array(code, values).tobytes(),)
        except OverflowError:
            raise Unpackable from None

    return pack


def _pack_floats(values: Sequence[float | None]) -> tuple[bytes, list[int]]:
    if set(map(type, values)) - {float, type(None)}:
        raise Unpackable
    absent = [place for place, value in enumerate(values) if value is None]
    return array("d", [0.0 if value is None else value for value in values]).tobytes(), absent


def _pack_digests(values: Sequence[str]) -> tuple[bytes]:
    if not all(one == "" or (_HEX.fullmatch(one) and one != _NONE) for one in values):
        raise Unpackable
    return (bytes.fromhex("".join(one or _NONE for one in values)),)


def _pack_words(values: Sequence[str]) -> tuple[str | list[str]]:
    if set(map(type, values)) - {str}:
        raise Unpackable
    return (values[0] if len(set(values)) == 1 else list(values),)


_PACKERS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "integer": _pack_integers("q"),
    "natural": _pack_integers("I"),
    "float": _pack_floats,
    "digest": _pack_digests,
    "word": _pack_words,
    "json": lambda values: (values[0],),
}


# --- a page ----------------------------------------------------------------------------


def pack(key: str, pieces: Mapping[DRef, Piece], more: Any = None) -> bytes:
    """The page under a key with what is told of these derivations, and with one value more."""
    columns, parts, counts = [], [], dict[tuple[int, ...], int]()
    for name in dict.fromkeys(name for piece in pieces.values() for name in piece.columns):
        several = [piece.columns.get(name) for piece in pieces.values()]
        kind = next(one.kind for one in several if one)
        each = tuple(one.length if one else 0 for one in several)
        absent = {at: one.absent for at, one in enumerate(several) if one and one.absent}
        if kind in _SIZES:
            parts.append(b"".join(one.part for one in several if one))
        else:
            parts.append(_written([one and one.part for one in several]))
        number = counts.setdefault(each, len(counts))
        columns.append([name, kind, number, len(parts[-1]), [*absent.items()]])
    facts = [piece.facts for piece in pieces.values()]
    head = _written([more, list(pieces), facts, list(counts), columns])
    text = b"".join([b"%08x" % len(head), head, *parts])
    return _sum(key, text).encode() + text


def _written(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def unpack(key: str, packed: object) -> "Page | None":
    """The page in these bytes; None if they are damaged, or of another key (XP1)."""
    if not isinstance(packed, bytes) or len(packed) < _HEAD:
        return None
    view = memoryview(packed)
    if packed[:32] != _sum(key, view[32:]).encode():
        return None
    end = _HEAD + int(packed[32:_HEAD], 16)
    return Page(packed[:32].decode(), _decode(packed[_HEAD:end].decode()), view[end:])


def _sum(key: str, text: bytes | memoryview) -> str:
    return short(_PURPOSE, b"\n".join([key.encode(), sys.byteorder.encode(), text]))


class Page:
    """What is told of several derivations; columns are unpacked when they are asked for."""

    def __init__(self, mark: str, head: Sequence[Any], parts: memoryview) -> None:
        self.mark = mark  # its checksum, which tells it from each other page
        self.more, self.drefs, self.facts, counts, columns = head
        self.places: dict[str, int] = {dref: place for place, dref in enumerate(self.drefs)}
        ends = [[0, *accumulate(each)] for each in counts]
        self.columns: dict[str, _Column] = {}
        at = 0
        for name, kind, number, size, absent in columns:
            part = parts[at : at + size]
            self.columns[name] = _Column(kind, ends[number], part, dict(absent))
            at += size

    def columns_of(self, place: int) -> "Columns":
        """The columns of one derivation."""
        return Columns(self.columns, place)

    def segments_of(self, place: int) -> dict[str, Segment]:
        """The segments of one derivation, to be packed again."""
        found = ((name, column.segment(place)) for name, column in self.columns.items())
        return {name: one for name, one in found if one.length}


class _Column:
    """A column of a page."""

    def __init__(
        self, kind: str, ends: list[int], part: memoryview, absent: Mapping[int, list[int]]
    ) -> None:
        self._kind, self._ends, self._part, self._absent = kind, ends, part, absent

    @cached_property
    def _all(self) -> Any:
        """The values of all derivations; numbers are made when they are looked at."""
        if self._kind in _CODES:
            return self._part.cast(_CODES[self._kind])  # type: ignore[call-overload]
        return self._part if self._kind == "digest" else _decode(str(self._part, "utf-8"))

    def count(self, place: int) -> int:
        """How many values a derivation has."""
        return self._ends[place + 1] - self._ends[place]

    def values(self, place: int) -> Sequence[Any]:
        """The values of one derivation."""
        begin, end = self._ends[place], self._ends[place + 1]
        if self._kind in _CODES:
            found: Sequence[Any] = self._all[begin:end]
            return _with_none(found, self._absent[place]) if place in self._absent else found
        if self._kind == "digest":
            return Digests(self._all[16 * begin : 16 * end])
        told = self._all[place]
        if self._kind == "json":
            return [told]
        if isinstance(told, str):
            return [sys.intern(told)] * (end - begin)  # so that equal words are one object
        return told or ()

    def segment(self, place: int) -> Segment:
        """The segment of one derivation."""
        size = _SIZES.get(self._kind)
        if size is None:
            part = self._all[place]
        else:
            part = bytes(self._part[size * self._ends[place] : size * self._ends[place + 1]])
        return Segment(self._kind, self.count(place), part, tuple(self._absent.get(place, ())))


def _with_none(values: Iterable[float], absent: Iterable[int]) -> list[float | None]:
    found: list[float | None] = [*values]
    for place in absent:
        found[place] = None
    return found


class Columns(Mapping[str, Sequence[Any]]):
    """The columns of one derivation."""

    def __init__(self, columns: Mapping[str, _Column], place: int) -> None:
        self._columns, self._place = columns, place

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self._columns[name].values(self._place)

    def __iter__(self) -> Iterator[str]:
        return (name for name, one in self._columns.items() if one.count(self._place))

    def __contains__(self, name: object) -> bool:
        return name in self._columns and self._columns[str(name)].count(self._place) > 0

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return any(one.count(self._place) for one in self._columns.values())
