"""The pick: the one realization to use now, of those that there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.core.attempt import Attempt
from pystore.core.candidate import Candidate
from pystore.core.context import Context
from pystore.core.errors import BadMatcher
from pystore.core.matchers import (
    Need,
    match,
    match_all,
    match_best,
    match_exact,
    match_latest,
    match_only,
    match_some,
)
from pystore.core.matchers_by_statistics import match_top, match_until
from pystore.core.pick import pick
from pystore.core.refs import DRef, RRef

DREF = DRef(f"dref:{7:032x}-train")


def candidate(number: int, score: float, gone: bool = False) -> Candidate:
    """The realization of the attempt with this number; its digest falls as the number grows."""
    rref = RRef(f"rref:{99 - number:032x}-{DREF[5:]}")
    made = Attempt(
        id=f"{number:032x}", dref=DREF, context=Context().digest, number=number,
        outcome="succeeded", rref=rref, error=None, seed=number, realizer="", source="",
        versions={}, metrics={"score": score}, notes={}, start=number, stop=number, host="h", pid=1,
    )  # fmt: skip
    return Candidate(rref, (made,), gone=gone)


FIRST, BEST, LAST = candidate(1, 0.5), candidate(2, 0.9), candidate(3, 0.7)
ALL = [FIRST, BEST, LAST]
OURS = [
    (match_best("score"), BEST),
    (match_best("score", mode="min"), FIRST),
    (match_best("score", n=2), BEST),
    (match_best("score", of=5), BEST),
    (match_best("score", n=9, mode="min"), FIRST),
    (match_top("score", 9, "min"), FIRST),
    (match_top("score", 2), BEST),
    (match_latest(), LAST),
    (match_latest(9), LAST),
    (match_some(), FIRST),
    (match_some(9), FIRST),
    (match_all(), LAST),
    (match_until("score", halfwidth=1e-9), LAST),
    (match_exact([FIRST.rref]), FIRST),
]


@pytest.mark.parametrize(("matcher", "chosen"), OURS, ids=lambda one: str(getattr(one, "name", "")))
def test_PK1_our_matchers_choose_among_those_that_there_are(matcher, chosen):
    assert pick(matcher, ALL) == (chosen.rref, "")


@given(st.permutations(ALL), st.sampled_from(OURS))
def test_PK1_the_order_of_the_candidates_makes_no_difference(candidates, how):
    assert pick(how[0], candidates).rref == how[1].rref


@given(st.lists(st.booleans(), min_size=3, max_size=3), st.sampled_from(OURS))
def test_a_pick_is_never_gone(gone, how):
    given = [candidate(i + 1, c.metric("score"), gone[i]) for i, c in enumerate(ALL)]
    rref, why_not = pick(how[0], given)
    assert (rref is None) == bool(why_not)
    assert rref in [None, *(c.rref for c in given if not c.gone)]
    assert rref is not None or all(gone) or how[0].name == "match_exact"


def test_PK2_a_rule_that_asks_for_more_picks_none():
    def good(candidates):
        return [c for c in candidates if c.metric("score") > 0.95] or Need(2, of="attempts")

    rref, why_not = pick(match(good), ALL)
    assert rref is None
    assert why_not.endswith("good() asks for 2 attempts more")


def test_PK2_a_rule_that_cannot_choose_picks_none():
    rref, why_not = pick(match_only(), ALL)
    assert rref is None
    assert why_not == "match_only wants one realization, and there are 3"


def test_there_is_nothing_to_pick_from():
    assert pick(match_latest(), []) == (None, "there is no realization")


def test_a_rule_that_chooses_what_was_not_offered_is_a_mistake():
    with pytest.raises(BadMatcher):
        pick(match(lambda candidates: [BEST.rref]), [FIRST])
