"""The highest and the lowest value of a metric over the steps of an attempt."""

import json
from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import Candidate, DRef, RRef, keep_best, match_best, match_top
from pystore.core.attempt import Attempt, attempt_text, parse_attempt
from pystore.core.extremes import are_extremes, checked_over, extremes_of, step_of, value_over
from pystore.core.rules import as_called, parse_rule, rule_text
from pystore.errors import BadMatcher, BadStage

DREF = DRef("dref:" + "1" * 32 + "-train")
traces = st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.floats()), max_size=30)


def attempt(number: int, trace, metrics=None) -> Attempt:
    rref = RRef.of(f"{number:032x}", DREF)
    told = {name: value for _, name, value in trace if isfinite(value)}
    return Attempt(
        f"{number:032x}", DREF, "0" * 32, number, "succeeded", rref, None, 0, number, number, "",
        0, "", "", {}, metrics if metrics is not None else told, {},
        extremes=extremes_of(trace) or None,
    )  # fmt: skip


@given(traces)
def test_EX1_they_are_the_highest_and_the_lowest_of_the_trace(trace):
    found = extremes_of(trace)
    for name in "ab":
        values = [value for _, told, value in trace if told == name and isfinite(value)]
        if not values:
            assert name not in found
            continue
        for over, of in (("max", max), ("min", min)):
            number, step = found[name][over]
            assert number == of(values)
            first = next(s for s, told, v in trace if told == name and v == number)
            assert step == first
    assert are_extremes(json.loads(json.dumps(found)))


def test_EX2_a_metric_without_steps_has_one_value():
    one = attempt(0, [(0, "a", 0.9), (1, "a", 0.5), (2, "a", 0.7)], {"a": 0.7, "b": 3.0})
    assert [value_over(one, "a", over) for over in ("max", "min", "last", None)] == [
        0.9, 0.5, 0.7, 0.7
    ]  # fmt: skip
    assert [step_of(one, "a", over) for over in ("max", "min", "last")] == [0, 1, None]
    assert [value_over(one, "b", over) for over in ("max", "min", "last")] == [3.0] * 3
    assert value_over(one, "c", "max") is None


def test_a_record_has_them_and_one_without_steps_has_no_such_key():
    one = attempt(0, [(0, "a", 0.9), (1, "a", 0.5)])
    assert parse_attempt(attempt_text(one)) == one
    assert b"extremes" not in attempt_text(attempt(0, [], {"a": 1.0}))


@pytest.mark.parametrize("over", ["best", 1, True, "", ["max"]])
def test_another_word_is_an_error(over):
    with pytest.raises(BadStage, match="over="):
        checked_over(over)
    with pytest.raises(BadMatcher, match="over="):
        match_best("a", over=over)
    with pytest.raises(BadMatcher, match="over="):
        match_top("a", 1, over=over)


@pytest.mark.parametrize(
    "value",
    [None, [], {"a": None}, {"a": {"max": [1.0, 1]}}, {"a": {"max": [1.0, 1], "min": [1.0, 0.5]}},
     {"a": {"max": [inf, 1], "min": [0, 1]}}, {"a": {"max": [nan, 1], "min": [0, 1]}},
     {"a": {"max": [True, 1], "min": [0, 1]}}, {"a": {"max": ["1", 1], "min": [0, 1]}},
     {"a": {"max": [1, 1, 1], "min": [0, 1]}}],
)  # fmt: skip
def test_what_others_wrote_is_checked(value):
    assert not are_extremes(value)


def candidates(*traces) -> list[Candidate]:
    made = [attempt(number, list(trace)) for number, trace in enumerate(traces)]
    return [Candidate(RRef(str(one.rref)), (one,)) for one in made]


EARLY = [(0, "acc", 0.9), (1, "acc", 0.4)]  # overtrained: best at its first step
LATE = [(0, "acc", 0.3), (1, "acc", 0.8)]


def test_MA4_the_best_step_counts_where_it_is_wanted():
    early, late = offered = candidates(EARLY, LATE)
    assert match_best("acc").select(offered) == (late.rref,)
    assert match_best("acc", over="last").select(offered) == (late.rref,)
    assert match_best("acc", over="max").select(offered) == (early.rref,)
    assert match_best("acc", mode="min", over="min").select(offered) == (late.rref,)
    assert match_top("acc", 1, over="max").select(offered) == (early.rref,)
    assert keep_best("acc", over="max").chosen(offered) == {early.rref}


def test_MA4_it_is_part_of_the_matcher():
    plain, over = match_best("acc"), match_best("acc", over="max")
    assert plain != over
    assert parse_rule(rule_text(over)) == over
    assert "over" not in rule_text(plain)
    assert as_called(over) == "match_best('acc', over='max')"
