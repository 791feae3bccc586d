"""Matchers: candidates in; realizations, or a need, out."""

import math
from itertools import pairwise
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import (
    Candidate,
    DRef,
    Need,
    PystoreWarning,
    RRef,
    keep_best,
    match,
    match_all,
    match_best,
    match_exact,
    match_latest,
    match_only,
    match_some,
    match_top,
)
from pystore.core.attempt import Attempt
from pystore.errors import BadMatcher, MatcherUnsatisfied

DREF = DRef("dref:" + "1" * 32 + "-data")

# Random candidates often lack the metric, all of them.
pytestmark = pytest.mark.filterwarnings("ignore:match_best:pystore.PystoreWarning")


def rref(i: int) -> RRef:
    return RRef.of(f"{i:032x}", DREF)


def candidate(i: int, starts=(0,), text=None, gone=False, metric=None) -> Candidate:
    metrics = {} if metric is None else {"m.txt": metric}
    tries = tuple(
        Attempt("", DREF, "0" * 32, n, "succeeded", rref(i), None, start, start, start, "", 0, "",
                "", {}, metrics, {})
        for n, start in enumerate(starts)
    )  # fmt: skip
    return Candidate(rref(i), tries, {} if text is None else {"m.txt": text}, gone)


texts = st.one_of(
    st.none(),
    st.binary(max_size=5),
    st.floats().map(lambda x: str(x).encode()),
    st.integers(0, 3).map(lambda x: str(x).encode()),
)
candidates = st.lists(
    st.builds(
        candidate,
        st.integers(0, 30),
        st.lists(st.integers(0, 1000), min_size=1, max_size=3).map(sorted),
        texts,
        st.booleans(),
    ),
    unique_by=lambda c: c.rref,
    max_size=8,
)
matchers = st.one_of(
    st.builds(match_latest, st.integers(1, 4)),
    st.builds(match_best, st.just("m.txt"), st.integers(1, 4), st.sampled_from(["max", "min"])),
    st.builds(match_some, st.integers(1, 4)),
    st.just(match_all()),
    st.just(match_only()),
    st.just(match_exact([rref(0), rref(1)])),
)


def outcome(matcher, offered):
    try:
        return matcher.select(offered)
    except MatcherUnsatisfied as error:
        return error.what


@given(matchers, candidates)
def test_MA1_only_what_is_offered_and_not_gone_is_chosen(matcher, offered):
    answer = outcome(matcher, offered)
    if isinstance(answer, tuple):
        assert answer
        assert set(answer) <= {c.rref for c in offered if not c.gone}


@given(matchers, candidates, st.randoms())
def test_MA2_the_order_of_candidates_makes_no_difference(matcher, offered, rng):
    other = list(offered)
    rng.shuffle(other)
    assert outcome(matcher, offered) == outcome(matcher, other)


@given(candidates, st.integers(1, 3), st.sampled_from(["max", "min"]))
def test_MA3_the_best_come_first_and_what_is_no_number_last(offered, n, mode):
    answer = match_best("m.txt", n, mode).select(offered)
    present = {c.rref: c.metric("m.txt") for c in offered if not c.gone}
    if isinstance(answer, Need):
        assert len(present) + answer.n == n
        return
    numbers = [present[r] for r in answer]
    for left, right in pairwise(numbers):
        assert math.isnan(right) or (left >= right if mode == "max" else left <= right)
    left_out = [x for r, x in present.items() if r not in answer and not math.isnan(x)]
    if left_out and not math.isnan(numbers[-1]):
        best = max(left_out) if mode == "max" else min(left_out)
        assert numbers[-1] >= best if mode == "max" else numbers[-1] <= best
    assert not (left_out and math.isnan(numbers[-1]))


def test_MA3_ties_go_by_reference():
    offered = [candidate(3, text=b"1.0"), candidate(1, text=b"1"), candidate(2, text=b"1.00\nx")]
    assert match_best("m.txt", 3).select(offered) == (rref(1), rref(2), rref(3))


def test_a_recorded_metric_goes_before_the_file():
    offered = [candidate(1, metric=0.5), candidate(2, text=b"0.4"), candidate(3, text=b"0.6")]
    assert match_best("m.txt", 3).select(offered) == (rref(3), rref(1), rref(2))


def test_match_latest_goes_by_attempts():
    """A realization that was built again is the latest."""
    offered = [
        candidate(1, starts=(10, 40)),
        candidate(2, starts=(20,)),
        candidate(3, starts=(30,)),
    ]
    assert match_latest().select(offered) == (rref(1),)
    assert match_latest(2).select(offered) == (rref(1), rref(3))
    assert match_latest(5).select(offered) == Need(2)


def test_match_only_lists_what_there_is():
    with pytest.raises(MatcherUnsatisfied) as caught:
        match_only().select([candidate(1), candidate(2)])
    assert rref(1) in str(caught.value)
    assert rref(2) in str(caught.value)
    assert match_only().select([candidate(1), candidate(2, gone=True)]) == (rref(1),)
    assert match_only().select([]) == Need(1)


def test_match_some_counts_attempts():
    offered = [candidate(1, starts=(10, 30)), candidate(2, starts=(20,))]
    assert match_some(2).select(offered) == (rref(1), rref(2))
    assert match_some(1).select(offered) == (rref(1),)
    assert match_some(5).select(offered) == Need(2, of="attempts")


def test_match_exact_never_builds():
    assert match_exact([rref(2), rref(1)]).select([candidate(1), candidate(2)]) == (
        rref(2),
        rref(1),
    )
    with pytest.raises(MatcherUnsatisfied, match="do not exist"):
        match_exact([rref(1)]).select([])
    with pytest.raises(MatcherUnsatisfied):
        match_exact([rref(1)]).select([candidate(1, gone=True)])


def test_matchers_are_compared_by_name_and_arguments():
    assert match_best("a.txt") == match_best("a.txt")
    assert match_best("a.txt") != match_best("b.txt")
    assert match_best("a.txt") != match_best("a.txt", mode="min")
    assert len({match_latest(), match_latest(1), match_latest(2)}) == 2
    assert str(match_latest(2)) == "match_latest(n=2)"


def test_a_user_writes_a_matcher_in_five_lines():
    def above(candidates, limit):
        return [c for c in candidates if c.metric("m.txt") > limit] or Need(1)

    matcher = match(above, reads=["m.txt"], limit=0.5)
    assert matcher.select([candidate(1, text=b"0.4")]) == Need(1)
    assert matcher.select([candidate(1, text=b"0.4"), candidate(2, text=b"0.6")]) == (rref(2),)
    assert matcher == match(above, reads=["m.txt"], limit=0.5)


class Whole:
    """A whole number of another type, as NumPy has them."""

    def __index__(self):
        return 2


def test_a_whole_number_of_another_type_is_one():
    two: Any = Whole()
    assert match_latest(two) == match_latest(2)
    assert match_best("m.txt", two, of=two) == match_best("m.txt", 2, of=2)
    assert match_top("m.txt", two) == match_top("m.txt", 2)
    assert Need(two) == Need(2)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: match_latest(0),
        lambda: match_latest(True),
        lambda: match_best(PurePath("m.txt")),  # type: ignore[arg-type]  # the mistake
        lambda: match_latest(1.0),  # type: ignore[arg-type]  # the mistake
        lambda: match_best("m.txt", mode="most"),  # type: ignore[arg-type]  # the mistake
        lambda: match_best("../m.txt"),
        lambda: match_best(""),
        lambda: match_some(-1),
        lambda: match_exact([]),
        lambda: Need(0),
        lambda: Need(1, of="tries"),  # type: ignore[arg-type]  # the mistake
        lambda: match(lambda c, x: c, x=[1]),
    ],
)
def test_impossible_arguments_are_refused(wrong):
    with pytest.raises(BadMatcher):
        wrong()


def test_a_rule_that_chooses_what_it_was_not_offered_is_an_error():
    with pytest.raises(BadMatcher, match="not offered"):
        match(lambda c: [rref(9)]).select([candidate(1)])
    with pytest.raises(BadMatcher, match="not offered"):
        match(lambda c: c).select([candidate(1, gone=True)])
    with pytest.raises(MatcherUnsatisfied, match="chose nothing"):
        match(lambda c: []).select([candidate(1)])


@pytest.mark.filterwarnings("error::pystore.PystoreWarning")
def test_a_choice_by_a_metric_that_nothing_has_is_a_warning():
    offered = [candidate(1, metric=0.5), candidate(2, metric=0.6)]
    with pytest.warns(PystoreWarning, match=r"'acuracy.txt'.*recorded are: m\.txt"):
        assert match_best("acuracy.txt").select(offered) == (rref(1),)


def test_keep_best_by_a_metric_that_nothing_has_keeps_everything():
    offered = [candidate(1, metric=0.5), candidate(2, metric=0.6)]
    assert keep_best("acuracy.txt").chosen(offered) == {rref(1), rref(2)}
    assert keep_best("m.txt").chosen(offered) == {rref(2)}
