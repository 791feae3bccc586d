"""Result: one attempt as a row of a table."""

from collections.abc import Iterable, Mapping

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...core.options import Mode
from ...core.refs import RRef
from ...declare.parameters import Parameters


@dataclass(frozen=True)
class Result:
    """One attempt: what it was given, and what it reached."""

    attempt: Attempt
    parameters: Parameters
    metrics: Mapping[str, float]  # those that were asked for and that the attempt has


def best_of(rows: Iterable[Result], metric: str, mode: Mode) -> RRef | None:
    """The realization with the best metric, of equal ones the first by reference."""
    sign = -1.0 if mode == "max" else 1.0
    scored = ((row.attempt.rref, row.metrics[metric]) for row in rows if metric in row.metrics)
    return min(((sign * score, rref) for rref, score in scored if rref), default=(0, None))[1]
