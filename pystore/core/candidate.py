"""Candidate: one realization as a matcher sees it."""

import math
from collections.abc import Mapping

from .attempt import Attempt
from .dataclasses import dataclass, field
from .extremes import Over, value_over
from .refs import RRef

NAN = float("nan")


@dataclass(frozen=True)
class Candidate:
    """One realization in the present context, with the attempts that made it."""

    rref: RRef
    attempts: tuple[Attempt, ...]  # those that succeeded, first to last; at least one
    files: Mapping[str, bytes] = field(default_factory=dict)  # those the matcher reads, if present
    gone: bool = False  # its bytes were collected; its attempts still count

    @property
    def latest(self) -> Attempt:
        """The last attempt that made it."""
        return self.attempts[-1]

    def metric(self, name: str, over: Over | None = None) -> float:
        """A finite number that it reached: as recorded, or the first line of a file; else NaN.

        Of a metric over steps the last value, or with `over` the highest or the lowest.
        """
        recorded = value_over(self.latest, name, over)
        return first_number(self.files.get(name, b"")) if recorded is None else recorded


def first_number(content: bytes) -> float:
    """The finite number on the first line of a file, or NaN."""
    try:
        number = float(content.partition(b"\n")[0])
    except ValueError:
        return NAN
    return number if math.isfinite(number) else NAN
