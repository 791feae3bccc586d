"""Scales: where values stand on an axis, and which of them are written there.

YX1  Numbers that span more than two decades, all above zero, stand on a logarithmic axis.
YX2  Each value of a scale stands on it, from 0 to 1; equal values stand at one place.
"""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from ...ask.experiments.table import written
from ...core.dataclasses import dataclass
from ...core.options import is_number
from ..quantities import number

_DECADES = 2
_LARGEST, _NEAR = 1e100, 1e-12  # a larger number is a category
_MOST = 12  # categories whose names are written
_FEW, _APART = 8, 0.07  # numbers that are written themselves, if they are so far from each other


@dataclass(frozen=True)
class Scale:
    """An axis: numbers from `low` to `high`, or categories at equal distances."""

    low: float
    high: float
    is_log: bool = False
    categories: tuple[str, ...] = ()  # in their order; empty: it has numbers
    values: tuple[float, ...] = ()  # the numbers, if there are few

    @classmethod
    def of(cls, values: Iterable[Any], *, margin: float = 0.0, may_be_log: bool = True) -> "Scale":
        """The scale of these values, with a margin on both sides as a share of its length."""
        known = list(values)
        if not known or not all(map(_is_drawn, known)):
            names = dict.fromkeys(written(x) for x in sorted(known, key=_order))
            return cls(0, 1, categories=tuple(names))
        low, high = float(min(known)), float(max(known))
        few = tuple(sorted(set(map(float, known)))) if len(set(known)) <= _FEW else ()
        if may_be_log and low > 1 / _LARGEST and high / low > 10**_DECADES:
            more = (high / low) ** margin
            return cls(low / more, high * more, is_log=True, values=few)
        size = max(abs(low), abs(high), 1 / _LARGEST)
        if high - low <= size * _NEAR:  # as good as one number
            return cls(low - size / 2, high + size / 2, values=few)
        more = (high - low) * margin
        return cls(low - more, high + more, values=few)

    def at(self, value: Any) -> float:
        """The place of a value, 0 at the lower end and 1 at the upper."""
        if self.categories:
            return (self.categories.index(written(value)) + 0.5) / len(self.categories)
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (float(value) - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The places that are written, with their texts."""
        if self.categories:
            step = math.ceil(len(self.categories) / _MOST)
            return [(self.at(name), name) for name in self.categories[::step]]
        places = [(self.at(x), number(x)) for x in self.values]
        if places and all(b - a > _APART for (a, _), (b, _) in pairwise(places)):
            return places
        if self.is_log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            step = math.ceil((last - first + 1) / 8)
            return [(self.at(10.0**p), number(10.0**p)) for p in range(first, last + 1, step)]
        width = _step(self.high - self.low)
        first = math.ceil(self.low / width)
        values = (at * width for at in range(first, math.floor(self.high / width) + 1))
        return [(self.at(x), number(round(x, 12))) for x in values]


def _step(width: float) -> float:
    """A round distance between about six ticks."""
    rough = width / 6
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(x for x in (1, 2, 5, 10) if x * power >= rough * 0.999)


def _is_drawn(value: Any) -> bool:
    return is_number(value) and abs(value) <= _LARGEST


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then the others by their text."""
    is_other = not _is_drawn(value)
    return is_other, 0.0 if is_other else float(value), written(value)
