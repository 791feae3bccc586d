"""Cells: the numbers of a metric by one parameter or by two, whatever the others are."""

from collections.abc import Hashable, Sequence
from typing import Any

from ...core.dataclasses import dataclass
from ...core.options import is_number
from ...core.statistics import Statistics
from .importance import Importance
from .summary import Summary
from .table import written


@dataclass(frozen=True)
class Cell:
    """The attempts with one value of a parameter, and one of another, as text."""

    x: Any
    by: str
    statistics: Statistics

    def to_dict(self) -> dict[str, Any]:
        """The cell for programs: `x`, `by`, `n`, `mean`, `low` and `high` of the interval."""
        told = {name: getattr(self.statistics, name) for name in ("n", "mean", "low", "high")}
        return {"x": self.x, "by": self.by, **told}


def cells(summary: Summary, x: str, by: str | None) -> list[Cell]:
    """The cells that have numbers, in the order of the groups of a summary of one metric."""
    found: dict[Hashable, tuple[Any, str, list[float]]] = {}
    for group in summary:
        value: Any = group.parameters.get(x)
        series = "" if by is None else written(group.parameters.get(by))
        key = float(value) if is_number(value) else repr(value)
        found.setdefault((series, key), (value, series, []))[2].extend(group.values)
    return [Cell(value, s, Statistics.of(xs)) for value, s, xs in found.values() if xs]


def axes(summary: Summary, shares: Sequence[Importance], most: int) -> tuple[str, str | None]:
    """A parameter to draw the metric over, and one of at most so many values to draw it by.

    The first is a number that matters, if there is one; the second matters most of the others.
    """
    names = [one.parameter for one in shares]
    numeric = [n for n in names if all(is_number(g.parameters.get(n)) for g in summary)]
    x = (numeric or names)[0]
    few = [one.parameter for one in shares if one.parameter != x and one.values <= most]
    return x, next(iter(few), None)
