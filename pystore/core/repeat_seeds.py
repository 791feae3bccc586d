"""Losses: which results that are gone should be built again, with their seeds, and which not.

Repeating a seed helps where the result would count: a realization that the matcher would choose,
or one of those that it lacks. Where attempts are counted, those whose bytes are gone are counted
already, and other seeds are wanted.
"""

from collections.abc import Sequence
from dataclasses import replace

from .candidate import Candidate
from .errors import BadMatcher, MatcherUnsatisfied
from .matchers import Matcher, Need
from .schedule import more_attempts


def seeds_to_repeat(
    matcher: Matcher, wanted: int, candidates: Sequence[Candidate], need: Need
) -> list[int]:
    """The seeds of lost results that meet a need, the last one first to be tried.

    `wanted` is how many attempts must have succeeded.
    """
    lost = sorted((c for c in candidates if c.gone), key=lambda c: c.latest.order)
    whole = [replace(candidate, gone=False) for candidate in candidates]
    try:
        answer = more_attempts(wanted, whole) or matcher.select(whole)
    except (MatcherUnsatisfied, BadMatcher):
        return []
    if isinstance(answer, Need):
        useful = lost[max(len(lost) - max(need.n - answer.n, 0), 0) :]
    else:
        useful = [candidate for candidate in lost if candidate.rref in answer]
    return [candidate.latest.seed for candidate in useful]
