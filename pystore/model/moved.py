"""Moved: what a transfer did, as a value."""

from dataclasses import dataclass

from .refs import RRef


@dataclass(frozen=True)
class Moved:
    """What went from one place to another."""

    rrefs: tuple[RRef, ...]  # the realizations that were asked for, sorted
    fresh: tuple[RRef, ...]  # those that were not there before, inputs first
    attempts: int  # records that were not there before
    size: int  # [bytes] of artifacts that were moved

    def __str__(self) -> str:
        if not self.fresh and not self.attempts:
            return f"nothing to move: {len(self.rrefs)} realizations were there already"
        return f"{len(self.fresh)} realizations, {self.attempts} attempts, {self.size} bytes"
