"""Kinds of fields: what a column holds for a value, the value of that, and the bytes it is told by.

Each kind has three functions: `dump` makes what is stored of a value, `load` makes the value again,
`content` gives the bytes that tell one stored value from another.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .errors import BadContent, BadRow
from .pictures import dump_picture, load_picture

Settings = Mapping[str, Any]


class Kind(NamedTuple):
    """What there is to know of a kind; the functions are given the settings of the field."""

    python: type
    dump: Callable[[Any, Settings], Any]
    load: Callable[[Any, Settings], Any]
    content: Callable[[Any], bytes]


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


def _unwrapped(value: Any) -> Any:
    """The value of Python's own type of a scalar of numpy's."""
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value


def _dump_int(value: Any, _: Settings) -> int:
    number = _unwrapped(value)
    if type(number) is int and -(2**63) <= number < 2**63:
        return number
    raise unlike("int", value)


def _load_int(stored: Any, _: Settings) -> int:
    if type(stored).__name__ == "Decimal" and stored == stored.to_integral_value():
        return int(stored)
    if type(stored) is int:
        return stored
    raise _other("int", stored)


def _dump_float(value: Any, _: Settings) -> float:
    number = _unwrapped(value)
    if type(number) in (int, float) and math.isfinite(number):
        return float(number)
    raise unlike("float", value)


def _load_float(stored: Any, _: Settings) -> float:
    if type(stored) in (int, float) or type(stored).__name__ == "Decimal":
        return float(stored)
    raise _other("float", stored)


def _dump_bool(value: Any, _: Settings) -> bool:
    if type(_unwrapped(value)) is bool:
        return bool(value)
    raise unlike("bool", value)


def _load_bool(stored: Any, _: Settings) -> bool:
    if stored in (0, 1) and type(stored) in (bool, int):  # not each database has the type
        return bool(stored)
    raise _other("bool", stored)


def _dump_text(value: Any, _: Settings) -> str:
    text = _unwrapped(value)
    if not isinstance(text, str):
        raise unlike("text", value)
    if "\0" in text or text != text.encode("utf-8", "replace").decode():
        raise unlike("text", value, "databases keep no NUL and no half characters")
    return str(text)


def _load_text(stored: Any, _: Settings) -> str:
    if type(stored) is str:
        return stored
    raise _other("text", stored)


def _dump_bytes(value: Any, _: Settings) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise unlike("bytes", value)


def _load_bytes(stored: Any, _: Settings) -> bytes:
    if isinstance(stored, bytes | bytearray | memoryview):
        return bytes(stored)
    raise _other("bytes", stored)


def _dump_time(value: Any, _: Settings) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    raise unlike("datetime", value, "a time without a zone is another one elsewhere")


def _load_time(stored: Any, _: Settings) -> datetime:
    try:
        found = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    except ValueError:
        raise _other("datetime", stored) from None
    if not isinstance(found, datetime):
        raise _other("datetime", stored)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _dump_json(value: Any, _: Settings) -> Any:
    try:
        again = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise unlike("json", value, str(error)) from None
    if again != value:
        raise unlike("json", value, "it would come back as another value")
    return value


def _load_json(stored: Any, _: Settings) -> Any:
    return stored


def _json_content(stored: Any) -> bytes:
    return json.dumps(stored, sort_keys=True, separators=(",", ":")).encode()


def _dump_array(value: Any, settings: Settings) -> bytes:
    import io

    import numpy as np

    found = np.asarray(value, settings.get("dtype"))
    shape = settings.get("shape")
    if found.dtype.kind not in "biufc" or (shape is not None and tuple(shape) != found.shape):
        raise unlike("array", value, f"its shape is {found.shape}, its type {found.dtype}")
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(found).reshape(found.shape), allow_pickle=False)
    return file.getvalue()


def _load_array(stored: Any, settings: Settings) -> Any:
    import io

    import numpy as np

    try:
        found = np.load(io.BytesIO(bytes(stored)), allow_pickle=False)
    except (ValueError, EOFError, OSError, TypeError):
        raise _other("array", stored) from None
    if settings.get("shape") is not None and tuple(settings["shape"]) != found.shape:
        raise _other(f"array of the shape {tuple(settings['shape'])}", found)
    return found


def _numeric(load: Callable[[Any, Settings], Any]) -> Callable[[Any], bytes]:
    """The content of a number: the same for 1 and for the decimal 1 of another database."""
    return lambda stored: repr(load(stored, {}) + 0).encode()


KINDS = {
    "int": Kind(int, _dump_int, _load_int, _numeric(_load_int)),
    "float": Kind(
        float, _dump_float, _load_float, lambda one: repr(_load_float(one, {}) + 0.0).encode()
    ),
    "bool": Kind(bool, _dump_bool, _load_bool, _numeric(_load_bool)),
    "text": Kind(str, _dump_text, _load_text, lambda one: _load_text(one, {}).encode()),
    "bytes": Kind(bytes, _dump_bytes, _load_bytes, bytes),
    "datetime": Kind(
        datetime, _dump_time, _load_time, lambda one: _load_time(one, {}).isoformat().encode()
    ),
    "json": Kind(dict, _dump_json, _load_json, _json_content),
    "array": Kind(object, _dump_array, _load_array, bytes),
    "image": Kind(object, dump_picture, load_picture, bytes),
    "own": Kind(object, _dump_bytes, _load_bytes, bytes),
}
