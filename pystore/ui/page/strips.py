"""Strips: the numbers of a row as points on a line, drawn as SVG.

YD1  A strip has at most 60 points, and the least and the highest number are always among them.
YD2  It says in words what it shows, works without a script, and has no style of its own.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup

from ...core.statistics import Statistics
from ..quantities import number

_MOST = 60  # points
_WIDTH, _HEIGHT, _EDGE = 220.0, 20.0, 4.0
_LANES = (0.5, 0.25, 0.75, 0.4, 0.6)  # of the height, in turns: so that equal numbers are seen


def strip(values: Sequence[float], low: float, high: float) -> Markup:
    """The points on an axis from `low` to `high`, with their mean and its 95 % interval."""
    found = Statistics.of(values)
    shown = few(values)
    turns = ((x, _HEIGHT * _LANES[i % len(_LANES)]) for i, x in enumerate(shown))
    points = "".join(f"M{_place(x, low, high)} {y:g}h0" for x, y in turns)
    lines = ""
    if math.isfinite(found.low) and math.isfinite(found.high):
        begin, end = (_place(min(max(x, low), high), low, high) for x in (found.low, found.high))
        lines = f'<path class="interval" d="M{begin} 10H{end}"/>'
    if values:
        lines += f'<path class="mean" d="M{_place(found.mean, low, high)} 3v14"/>'
    return Markup(
        f'<svg class="strip" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
        f'aria-label="{_words(found)}"><path class="points" d="{points}"/>{lines}</svg>'
    )


def few(values: Sequence[float]) -> list[float]:
    """At most 60 of the numbers, from the least to the highest, evenly by rank (YD1)."""
    ordered = sorted(values)
    last = len(ordered) - 1
    if last < _MOST:
        return ordered
    return [ordered[round(last * i / (_MOST - 1))] for i in range(_MOST)]


def _place(value: float, low: float, high: float) -> str:
    span = high - low
    share = (value - low) / span if span > 0 and math.isfinite(span) else 0.5
    return f"{_EDGE + (_WIDTH - 2 * _EDGE) * share:.1f}"


def _words(found: Statistics) -> str:
    if not found.n:
        return "no values"
    if found.n == 1:
        return f"one value, {number(found.mean)}"
    ends = f"from {number(found.min)} to {number(found.max)}"
    return f"{found.n:,} values {ends}, mean {number(found.mean)}"
