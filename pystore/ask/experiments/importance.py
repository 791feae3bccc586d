"""Importance: the share of what differs in a metric that each parameter explains alone.

IM1  A parameter that makes no difference has a share of 0 on average, however many values it has.
IM2  A parameter that explains everything has a share of 1.
IM3  A share that cannot be known is NaN: one value, or no value with several attempts.

The share is epsilon squared of a one-way analysis of variance: 1 - (n - 1) / (n - k) · W / T, with
the squares W within the k values of the parameter and T of all n attempts. It sees no interactions,
and two parameters that always changed together have one share. Numbers of more than eight values
are cut into eight parts of about equal counts.
Source: T. L. Kelley, PNAS 21 (1935), 554-559.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from ...core.dataclasses import dataclass
from ...core.options import is_number
from ...core.statistics import NAN
from ...declare.parameters import ABSENT
from .summary import Group, Summary

MOST = 8  # values of a number that are not cut into parts

Told = Sequence[tuple[Any, float]]  # values of a parameter, each with a number of the metric


@dataclass(frozen=True)
class Importance:
    """A parameter, and the share that it explains alone; below 0 by chance where that is none."""

    parameter: str
    share: float
    values: int  # how many different ones there are

    def to_dict(self) -> dict[str, Any]:
        """The importance for programs: `parameter`, `share` or null, and `values`."""
        known = math.isfinite(self.share)
        return {
            "parameter": self.parameter,
            "share": self.share if known else None,
            "values": self.values,
        }


def importances(summary: Summary) -> list[Importance]:
    """The importance of each parameter of a summary of one metric, the largest first."""
    found = [_of(name, summary.groups) for name in summary.parameters]
    return sorted(found, key=lambda one: -one.share if one.share == one.share else math.inf)


def _of(name: str, groups: Iterable[Group]) -> Importance:
    told = [(g.parameters.get(name, ABSENT), x) for g in groups for x in g.values]
    count = len({repr(value) for value, _ in told})
    return Importance(name, _share(_parts(told, count)), count)


def _parts(told: Told, count: int) -> list[list[float]]:
    """The numbers of the metric by the value of the parameter, or by its part."""
    if count > MOST and all(is_number(value) for value, _ in told):
        told = _cut(sorted(told, key=lambda pair: float(pair[0])))
    found: dict[Hashable, list[float]] = {}
    for value, x in told:
        found.setdefault(repr(value), []).append(x)
    return list(found.values())


def _cut(told: Told) -> Told:
    """The same with parts in place of values; equal values are in one part."""
    first: dict[float, int] = {}
    for at, (value, _) in enumerate(told):
        first.setdefault(float(value), at * MOST // len(told))
    return [(first[float(value)], x) for value, x in told]


def _share(parts: Sequence[Sequence[float]]) -> float:
    every = [x for part in parts for x in part]
    n, k = len(every), len(parts)
    largest = max(map(abs, every), default=0.0)  # by it, so that no square is beyond all floats
    whole = _squares([x / largest for x in every]) if largest else 0.0
    if k < 2 or n <= k or not whole:
        return NAN
    within = math.fsum(_squares([x / largest for x in part]) for part in parts)
    return 1 - (n - 1) / (n - k) * within / whole


def _squares(numbers: Sequence[float]) -> float:
    mean = math.fsum(numbers) / len(numbers)
    return math.fsum((x - mean) ** 2 for x in numbers)
