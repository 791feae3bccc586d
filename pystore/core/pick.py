"""Pick: the one realization that a matcher chooses to be used now, of those that there are.

PK1  A pick trains nothing: where the matcher asks for more, it chooses among those that there are.
PK2  A rule of the user's that asks for more, or cannot choose, picks none, and the pick says why.
"""

from collections.abc import Sequence
from typing import NamedTuple

from .candidate import Candidate
from .errors import MatcherUnsatisfied, in_one_line
from .matchers import Matcher, Need, match_best, match_latest, match_some
from .printable import counted
from .refs import RRef
from .rules import is_ours

_UNORDERED = ("match_all", "match_until")  # they return all, and put none first


class Pick(NamedTuple):
    """The realization that is chosen, or why there is none."""

    rref: RRef | None
    why_not: str = ""


def pick(matcher: Matcher, candidates: Sequence[Candidate]) -> Pick:
    """The realization to use now.

    Of several that the matcher chooses this is the first: the best of `match_best(file, n=3)`. Of
    `match_all` and `match_until`, which put none first, it is the latest. While one of our matchers
    asks for more, it is the best so far by the same metric, or the latest.

    Raises BadMatcher when the rule chooses what it was not offered.
    """
    if all(candidate.gone for candidate in candidates):
        return Pick(None, "there is no realization")
    if is_ours(matcher) and matcher.name in _UNORDERED:
        matcher = match_latest()
    answer = _asked(matcher, candidates)
    if isinstance(answer, Need) and is_ours(matcher):
        answer = _asked(_of_few(matcher), candidates)
    if isinstance(answer, Need):
        return Pick(None, f"{matcher} asks for {counted(answer.n, answer.of[:-1])} more")
    return answer


def _asked(matcher: Matcher, candidates: Sequence[Candidate]) -> Pick | Need:
    try:
        answer = matcher.select(candidates)
    except MatcherUnsatisfied as error:
        return Pick(None, in_one_line(error.what))
    return answer if isinstance(answer, Need) else Pick(answer[0])


def _of_few(matcher: Matcher) -> Matcher:
    """A matcher that chooses by the same rule as one of ours, and asks for one realization only."""
    given = dict(matcher.arguments)
    if matcher.name in ("match_best", "match_top"):
        return match_best(given["file"], mode=given["mode"], over=given.get("over"))
    return match_some() if matcher.name == "match_some" else match_latest()
