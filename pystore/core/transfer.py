"""Transfer: the result of a push, pull, copy, export or import, as a value."""

from dataclasses import asdict
from typing import Any

from .dataclasses import dataclass
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
    notes: int = 0  # notes and tags that were not there before
    pins: tuple[str, ...] = ()  # the pins that name something else now than before

    def to_dict(self) -> dict[str, Any]:
        """The transfer as a JSON object: the fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        if not self.fresh and not self.attempts and not self.notes:
            return self.nothing
        what = {"realization": len(self.fresh), "attempt": self.attempts, "byte": self.size}
        what |= {"note": self.notes} if self.notes else {}
        return ", ".join([*(counted(n, noun) for noun, n in what.items()), *self.moved_pins])

    @property
    def moved_pins(self) -> list[str]:
        """The pins that were moved, in words; an empty list if there is none."""
        if not self.pins:
            return []
        return [f"{'pin' if len(self.pins) == 1 else 'pins'} {', '.join(self.pins)} moved"]

    @property
    def nothing(self) -> str:
        """The sentence for a transfer that moved nothing."""
        there = "nothing to move: all of it is there already"
        if self.pins:
            there = "all of it is there already"
        signed = [f"{counted(self.signed, 'attempt')} signed"] if self.signed else []
        return "; ".join([there, *signed, *self.moved_pins])
