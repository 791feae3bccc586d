"""Sparkline: numbers as a line of small bars."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN = "_.-=+*%#"  # where an encoding lacks bars


def sparkline(values: Sequence[float], width: int, encoding: str = "utf-8") -> str:
    """A character for each number, or for the mean of each of `width` equal parts of many.

    A number that is not finite leaves a gap.
    """
    means = [_mean(part) for part in _parts(values, width)]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    least, most, levels = min(known), max(known), _levels(encoding)
    span = most - least
    if not (span > 0 and isfinite(span)):
        return "".join(" " if mean is None else levels[0] for mean in means)
    top = len(levels) - 1
    return "".join(" " if m is None else levels[round((m - least) / span * top)] for m in means)


def _parts(values: Sequence[float], width: int) -> list[Sequence[float]]:
    count = min(len(values), width)
    edges = [len(values) * i // count for i in range(count + 1)] if count else []
    return [values[a:b] for a, b in pairwise(edges)]


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if isfinite(value)]
    return sum(value / len(finite) for value in finite) if finite else None


def _levels(encoding: str) -> str:
    try:
        _BARS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _PLAIN
    return _BARS
