"""Transfer: the result of a push, pull, copy, export or import, as a value."""

from dataclasses import asdict, dataclass
from typing import Any

from .printable import counted
from .refs import RRef


@dataclass(frozen=True)
class Transfer:
    """What was moved from one place to another."""

    rrefs: tuple[RRef, ...]  # the realizations that were asked for, sorted
    fresh: tuple[RRef, ...]  # those that were not there before, inputs first
    attempts: int  # records that were not there before
    size: int  # [bytes] of artifacts that were moved
    signed: int = 0  # records that a key has signed now

    def to_dict(self) -> dict[str, Any]:
        """The transfer as a JSON object: the fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        if not self.fresh and not self.attempts:
            return self.nothing
        what = {"realization": len(self.fresh), "attempt": self.attempts, "byte": self.size}
        return ", ".join(counted(number, noun) for noun, number in what.items())

    @property
    def nothing(self) -> str:
        """The sentence for a transfer that moved nothing."""
        there = "nothing to move: all of it is there already"
        return f"{there}; {counted(self.signed, 'attempt')} signed" if self.signed else there
