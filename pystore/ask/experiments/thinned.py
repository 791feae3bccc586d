"""Thinned: the traces of one metric, thinned for a drawing.

TL1  A line has the first of its points and, of many, some that are evenly apart; none is made up.
"""

import math
from collections.abc import Iterable
from typing import Any

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...core.errors import Corrupted, NotInStore
from ...core.machine_usage import without_usage
from ...store.store import Store

_LINES, _POINTS = 40, 1000


@dataclass(frozen=True)
class Line:
    """The values of a metric over the steps of an attempt."""

    attempt: Attempt
    steps: tuple[int, ...]
    values: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """The line as a JSON object: `attempt`, its number, `rref` or null, `steps`, `values`."""
        told = {"steps": list(self.steps), "values": list(self.values)}
        return {"attempt": self.attempt.number, "rref": self.attempt.rref, **told}


def lines_of(attempts: Iterable[Attempt], metric: str, store: Store) -> list[Line]:
    """The lines of the first 40 attempts that told this metric at steps."""
    found: list[Line] = []
    for attempt in attempts:
        points = _points(attempt, metric, store)
        if points:
            steps, values = zip(*points, strict=True)
            found.append(Line(attempt, steps, values))
        if len(found) == _LINES:
            break
    return found


def _points(attempt: Attempt, metric: str, store: Store) -> list[tuple[int, float]]:
    """The steps and values, in order; a step that was told again has its last value."""
    try:
        trace = without_usage(store.trace(attempt), attempt.metrics)
    except (Corrupted, NotInStore):
        return []  # the other lines can be drawn
    told = {step: value for step, name, value in trace if name == metric and math.isfinite(value)}
    points = sorted(told.items())
    every = -(-len(points) // _POINTS) or 1
    return points[::every]
