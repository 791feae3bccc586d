"""Kinds of fields: what a column holds for a value, the value of that, and the bytes it is told by.

Each kind has three functions: `dump` makes what is stored of a value, `load` makes the value again,
`content` gives the bytes that tell one stored value from another.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ..core.plain import is_text
from .arrays import dump_array, load_array
from .errors import BadContent, BadRow
from .pictures import dump_picture, load_picture

Settings = Mapping[str, Any]


class Kind(NamedTuple):
    """What there is to know of a kind; the functions are given the settings of the field."""

    python: type
    dump: Callable[[Any, Settings], Any]
    load: Callable[[Any, Settings], Any]
    content: Callable[[Any], bytes]


class NotUtf8(bytes):
    """The bytes of a text of SQLite that is none: they are no UTF-8."""


def unlike(kind: str, value: Any, because: str | None = None) -> BadRow:
    """The error for a value that is none of this kind."""
    return BadRow(
        f"this is no value of the kind {kind}",
        given=repr(value)[:80],
        type=type(value).__name__,
        because=because,
        remedy="give such a value, or None where the field is not required",
    )


def _other(kind: str, stored: Any) -> BadContent:
    return BadContent(
        f"this is no {kind}",
        stored=repr(stored)[:80],
        remedy="declare the field by the type that is stored there",
    )


def unwrapped(value: Any) -> Any:
    """The value of Python's own type of a scalar of numpy's; times of numpy's are no numbers."""
    is_scalar = type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0
    return value.item() if is_scalar and value.dtype.kind in "biufSU" else value


def is_int64(number: int) -> bool:
    """Whether databases keep such a number."""
    return -(2**63) <= number < 2**63


def _dump_int(value: Any, _: Settings) -> int:
    number = unwrapped(value)
    if type(number) is int and is_int64(number):
        return number
    raise unlike("int", value)


def _load_int(stored: Any, _: Settings) -> int:
    number = stored
    if type(stored) is float and stored.is_integer():
        number = int(stored)  # 1e2 of JSON is an int to one database, and a float to another
    elif isinstance(stored, Decimal) and stored.is_finite() and abs(stored) <= 2**63:
        number = int(stored) if stored == stored.to_integral_value() else stored
    if type(number) is int and is_int64(number):
        return number
    raise _other("int", stored)


def _dump_float(value: Any, _: Settings) -> float:
    number = unwrapped(value)
    if type(number) is float and math.isfinite(number):
        return number
    if type(number) is int:
        found = _nearest(number)
        if found == number:
            return found
        raise unlike("float", value, f"as a float it would be {found:g}")
    raise unlike("float", value)


def _nearest(number: int | Decimal) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _load_float(stored: Any, _: Settings) -> float:
    if type(stored) is float:
        return stored
    if type(stored) is int or isinstance(stored, Decimal):
        found, is_finite = _nearest(stored), not isinstance(stored, Decimal) or stored.is_finite()
        if math.isfinite(found) or not is_finite:
            return found
    raise _other("float", stored)


def _dump_bool(value: Any, _: Settings) -> bool:
    if type(unwrapped(value)) is bool:
        return bool(value)
    raise unlike("bool", value)


def _load_bool(stored: Any, _: Settings) -> bool:
    if stored in (0, 1) and type(stored) in (bool, int):  # not each database has the type
        return bool(stored)
    raise _other("bool", stored)


def _dump_text(value: Any, _: Settings) -> str:
    text = unwrapped(value)
    if not isinstance(text, str):
        raise unlike("text", value)
    if not is_kept_text(text):
        raise unlike("text", value, NOT_KEPT)
    return str.__str__(text)  # of a member of an enum, the text and not the name


NOT_KEPT = "databases keep no NUL and no half characters"


_HALVES = re.compile("[\ud800-\udfff]")  # of characters: no text of UTF-8 has them


def is_kept_text(text: str) -> bool:
    """Whether each database keeps such a text."""
    return "\0" not in text and is_text(text)


def unkept_text(value: Any) -> bool:
    """Whether a JSON value has a text in it that databases do not keep."""
    if isinstance(value, dict):
        return any(unkept_text(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return any(map(unkept_text, value))
    return isinstance(value, str) and not is_kept_text(value)


def _load_text(stored: Any, _: Settings) -> str:
    if type(stored) is str and (stored.isascii() or not _HALVES.search(stored)):
        return stored
    raise _other("text", stored)


def _dump_bytes(value: Any, _: Settings) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise unlike("bytes", value)


def _load_bytes(stored: Any, _: Settings) -> bytes:
    is_not_utf8 = isinstance(stored, NotUtf8)
    if isinstance(stored, bytes | bytearray | memoryview) and not is_not_utf8:
        return bytes(stored)
    raise _other("bytes", stored)


def _dump_time(value: Any, _: Settings) -> datetime:
    if not isinstance(value, datetime) or value != value:  # NaT of pandas is none
        raise unlike("datetime", value)
    if value.tzinfo is None:
        raise unlike("datetime", value, "a time without a zone is another one elsewhere")
    if getattr(value, "nanosecond", 0):
        raise unlike("datetime", value, "databases keep microseconds")
    plain = datetime.combine(value.date(), value.timetz())  # of a Timestamp of pandas, too
    try:
        return plain.astimezone(UTC)
    except OverflowError:
        raise unlike("datetime", value, "in UTC it is in no year from 1 to 9999") from None


def _load_time(stored: Any, _: Settings) -> datetime:
    try:
        found = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
        if isinstance(found, datetime):
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise _other("datetime", stored)


class Malformed(str):
    """A text in the place of JSON, which is none."""


def _dump_json(value: Any, _: Settings) -> Any:
    try:
        again = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise unlike("json", value, str(error)) from None
    if again != value:
        raise unlike("json", value, "it would come back as another value")
    because = next(_unkept(value), None)
    if because is not None:
        raise unlike("json", value, because)
    return value


def _unkept(value: Any) -> Iterator[str]:
    """Why a database would keep another value than this one."""
    if isinstance(value, str) and not is_kept_text(value):
        yield NOT_KEPT
    elif isinstance(value, int) and not is_int64(value):
        yield "integers have 64 bits; give others as texts"
    elif isinstance(value, float) and int(Decimal(float.__repr__(value))) != int(value):
        yield "JSON has decimal numbers, and no such one; give it as a text"
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _unkept(key)
            yield from _unkept(one)
    elif isinstance(value, list):
        for one in value:
            yield from _unkept(one)


def _load_json(stored: Any, _: Settings) -> Any:
    if isinstance(stored, Malformed):
        raise _other("json", str(stored))
    return stored


def json_of_sqlite(value: Any) -> str | float:
    """JSON as SQLite is given it. A float stays one: it reads a text as a number near by."""
    return value if type(value) is float else json.dumps(value)


def json_or_malformed(text: str | bytes) -> Any:
    """The value of JSON of strangers, or what is there in its place, as `Malformed`.

    A number beyond all floats is none: some versions of SQLite write it as 9.0e+999.
    """
    try:
        return _FINITE.decode(text.decode() if isinstance(text, bytes) else text)
    except (ValueError, RecursionError):  # such as 1 with 5,000 zeros, or a list in 1,000 others
        return Malformed(text.decode(errors="replace") if isinstance(text, bytes) else text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isfinite(number):
        return number
    raise ValueError(f"{text} is beyond all floats")


_FINITE = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def _json_content(stored: Any) -> bytes:
    try:
        found = _plain_numbers(_load_json(stored, {}))
        return json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
    except RecursionError:
        raise _other("json", f"{type(stored).__name__} in too many others") from None


def _plain_numbers(value: Any) -> Any:
    """The value with 1.0 and 1e0 as 1: databases change one into the other."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(Decimal(float.__repr__(value)))
    if isinstance(value, dict):
        return {key: _plain_numbers(one) for key, one in value.items()}
    return [_plain_numbers(one) for one in value] if isinstance(value, list) else value


def _text_content(stored: Any) -> bytes:
    return _load_text(stored, {}).encode()


def _int_content(stored: Any) -> bytes:
    return b"%d" % _load_int(stored, {})


def _bool_content(stored: Any) -> bytes:
    return b"%d" % _load_bool(stored, {})


def _bytes_content(stored: Any) -> bytes:
    return stored if type(stored) is bytes else _load_bytes(stored, {})


KINDS = {
    "int": Kind(int, _dump_int, _load_int, _int_content),
    "float": Kind(
        float, _dump_float, _load_float, lambda one: repr(_load_float(one, {}) + 0.0).encode()
    ),
    "bool": Kind(bool, _dump_bool, _load_bool, _bool_content),
    "text": Kind(str, _dump_text, _load_text, _text_content),
    "bytes": Kind(bytes, _dump_bytes, _load_bytes, _bytes_content),
    "datetime": Kind(
        datetime, _dump_time, _load_time, lambda one: _load_time(one, {}).isoformat().encode()
    ),
    "json": Kind(dict, _dump_json, _load_json, _json_content),
    "array": Kind(object, dump_array, load_array, _bytes_content),
    "image": Kind(object, dump_picture, load_picture, _bytes_content),
    "own": Kind(object, _dump_bytes, _load_bytes, _bytes_content),
}
