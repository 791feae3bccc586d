"""Patience: how long a download may take, in all and in each of its parts."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How long to wait before one server, or all of them, are given up."""

    deadline: float = 86_400.0  # [s] for everything: all sources, all tries
    connect: float = 10.0  # [s] for a connection
    silence: float = 30.0  # [s] without a single byte
    rate: float = 1024.0  # [bytes/s] on average over each `window`, at least
    window: float = 30.0  # [s]
    tries: int = 4  # of each source
    backoff: float = 0.5  # [s] before the second try; doubles from there


class Countdown:
    """The time that is left of a number of seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """[s], never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.left == 0.0
