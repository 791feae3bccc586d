"""Adoption: which results of other derivations count for a stage, and why others do not."""

from collections.abc import Iterable

from .attempt import Attempt
from .candidate import Candidate
from .dataclasses import dataclass, replace
from .reads import Surroundings, most_telling
from .refs import RRef

_NAMED = 3  # reads that are named in a reason


@dataclass(frozen=True)
class NotAdopted:
    """A result from the same bytes that is not adopted."""

    rref: RRef
    because: str

    def __str__(self) -> str:
        short = self.rref.dref.short
        return f"{short} has a result from the same bytes, not adopted: {self.because}"


def fitting(
    found: Iterable[Candidate], around: Surroundings, source: str
) -> tuple[list[Candidate], list[NotAdopted]]:
    """The candidates to adopt, each with the attempts that fit, and the results not to adopt.

    An attempt fits if it would have read the same here. `source` is the digest of the realizer's
    source if its code is not in the config: then equal configs do not mean equal code.
    """
    taken: list[Candidate] = []
    refused: list[NotAdopted] = []
    for candidate in found:
        if source and not made_by(candidate, source):
            refused.append(NotAdopted(candidate.rref, "other code has made it"))
            continue
        told = [(attempt, obstacle(attempt, around)) for attempt in candidate.attempts]
        if fit := tuple(attempt for attempt, because in told if not because):
            taken.append(replace(candidate, attempts=fit))
        else:
            refused.append(NotAdopted(candidate.rref, told[0][1]))
    return taken, refused


def made_by(candidate: Candidate, source: str) -> bool:
    """Whether code with this digest has made a candidate, as far as records tell."""
    return any(attempt.source in ("", source) for attempt in candidate.attempts)


def obstacle(attempt: Attempt, around: Surroundings) -> str:
    """Why an attempt does not fit these surroundings; "" if it fits."""
    if not isinstance(attempt.reads, dict):
        return "its record does not say what it has read"
    others = around.differing(attempt.reads)
    if not others:
        return ""
    words = list(dict.fromkeys(map(around.in_words, most_telling(others))))
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return f"it has read {', '.join(words[:_NAMED])}{more}, not as it is here"
