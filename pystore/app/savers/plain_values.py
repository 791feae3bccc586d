"""Plain values: None, bool, int, float, str, and lists, tuples and dicts of them, as JSON.

PV1  Each plain value comes back as it was, with its types: tuples, nan and -0.0 too.

What JSON has not is written as a dict with one key that begins with `$`: `{"$tuple": [1, 2]}`,
`{"$float": "nan"}`. A dict of the user that has such a key is `{"$dict": [[key, value]]}`.
"""

import math
from collections.abc import Callable
from typing import Any

from .kind import Stored, Written, no_saver

_SCALARS = (type(None), bool, int, str)
_MAX_DEPTH = 100  # JSON is read by recursion, which the stack limits
_MAX_DIGITS = 4300  # Python reads no longer number, for its time grows with the square


def is_plain(value: object, depth: int = 0) -> bool:
    """Whether a value and all in it is plain. Values of subclasses are not: they would change."""
    kind = type(value)
    if kind in _SCALARS or kind is float:
        return kind is not int or _is_short(value)  # type: ignore[arg-type]  # just checked
    if depth >= _MAX_DEPTH:
        return False
    if isinstance(value, list | tuple) and kind in (list, tuple):
        return all(is_plain(item, depth + 1) for item in value)
    if isinstance(value, dict) and kind is dict:
        texts = all(type(key) is str for key in value)
        return texts and all(is_plain(item, depth + 1) for item in value.values())
    return False


def encode(value: Any) -> Any:
    """The JSON of a plain value."""
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return {"$float": str(value)}
    if kind is list:
        return [encode(item) for item in value]
    if kind is tuple:
        return {"$tuple": [encode(item) for item in value]}
    if kind is dict:
        if any(key.startswith("$") for key in value):
            return {"$dict": [[key, encode(item)] for key, item in value.items()]}
        return {key: encode(item) for key, item in value.items()}
    return value


def decode(coded: Any) -> Any:
    """The plain value of its JSON. Raises ValueError where `encode` makes no such JSON."""
    if isinstance(coded, list):
        return [decode(item) for item in coded]
    if not isinstance(coded, dict):
        return coded
    mark = next(iter(coded), "")
    if not mark.startswith("$"):
        return {key: decode(item) for key, item in coded.items()}
    if len(coded) != 1 or mark not in _MARKED:
        raise ValueError(f"no mark of plain values: {mark}")
    return _MARKED[mark](coded[mark])


def write(value: object) -> Written:
    """A plain value stands in the index itself."""
    if not is_plain(value):
        raise no_saver(value, because="something in it is not plain")
    return Written({"value": encode(value)})


def read(stored: Stored) -> Any:
    """The plain value."""
    return decode(stored.about["value"])


def _float(text: str) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise ValueError(f"a float that JSON has: {text}")
    return float(text)


_MARKED: dict[str, Callable[[Any], Any]] = {
    "$float": _float,
    "$tuple": lambda items: tuple(decode(item) for item in items),
    "$dict": lambda items: {key: decode(item) for key, item in items},
}


def _is_short(number: int) -> bool:
    return number.bit_length() < _MAX_DIGITS * 3
