"""Extremes: the highest and the lowest value of a metric over the steps of an attempt.

EX1  They are those of the trace; a value that is not finite is none, and of equal ones the first
    step counts.
EX2  A metric that was told without steps has one value, whatever it is asked over.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Literal

from .attempt import Attempt, Trace
from .errors import BadStage, PystoreError

Over = Literal["max", "min", "last"]
"""Which value of a metric over its steps counts: the highest, the lowest, or the last."""


def extremes_of(trace: Trace) -> dict[str, dict[str, list[float]]]:
    """The extremes of each metric, as the record of an attempt has them."""
    found: dict[str, dict[str, list[float]]] = {}
    for step, name, value in trace:
        if isfinite(value):
            told = found.setdefault(name, {"max": [value, step], "min": [value, step]})
            if value > told["max"][0]:
                told["max"] = [value, step]
            if value < told["min"][0]:
                told["min"] = [value, step]
    return found


def value_over(attempt: Attempt, name: str, over: Over | None) -> float | None:
    """The number that an attempt reached; None if it has none."""
    if over in ("max", "min") and (told := (attempt.extremes or {}).get(name)):
        return told[over][0]
    return attempt.metrics.get(name)


def step_of(attempt: Attempt, name: str, over: Over | None) -> int | None:
    """The step at which it reached the highest or the lowest value; None if that is not known."""
    told = (attempt.extremes or {}).get(name) if over in ("max", "min") else None
    return int(told[str(over)][1]) if told else None


def checked_over(given: object, error: type[PystoreError] = BadStage) -> Over | None:
    """The value of the option `over`. Raises `error` when it is none of its values."""
    if given is None or given in ("max", "min", "last"):
        return given
    raise error(
        f"over={given!r} is none of 'max', 'min', 'last'",
        remedy="write over='max' for the best step of an accuracy, 'min' for that of a loss",
    )


def are_extremes(value: object) -> bool:
    """Whether a value is what `extremes_of` makes: for records that others have written."""
    return isinstance(value, Mapping) and all(
        type(name) is str and isinstance(told, dict) and told.keys() == {"max", "min"}
        and all(map(_is_point, told.values()))
        for name, told in value.items()
    )  # fmt: skip


def _is_point(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    number, step = value
    return type(number) in (int, float) and isfinite(number) and type(step) is int
