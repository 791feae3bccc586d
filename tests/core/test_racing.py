"""Racing: numbers in, the next instruction out."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.core.racing import FIRST, Best, Further, Level, RaceRule
from pystore.errors import BadStage

RANDOM = st.integers(0, 10**9).map(random.Random)


def run(rule: RaceRule, means: list[float], rng: random.Random, spread: float = 1.0):
    """The answer of a race in which attempts give random numbers, and these numbers."""
    numbers: dict[str, list[float]] = {str(i): [] for i in range(len(means))}
    while isinstance(standing := rule.standing(numbers), Further):
        for key in standing.of:
            while len(numbers[key]) < standing.attempts:
                numbers[key].append(rng.gauss(means[int(key)], spread))
    return standing, numbers


def test_each_config_gets_five_attempts_first():
    rule = RaceRule(3, 1.0)
    few = {"a": [1.0] * 5, "b": [1.0], "c": []}
    assert rule.standing(few) == Further(FIRST, ("b", "c"), ("a", "b", "c"))


@given(RANDOM, st.lists(st.floats(-3, 3), min_size=2, max_size=5))
def test_RA2_the_same_numbers_give_the_same_answer(rng, means):
    rule = RaceRule(len(means), 1.0)
    answer, numbers = run(rule, means, rng)
    assert rule.standing(numbers) == answer
    more = {key: [*told, rng.gauss(0, 1)] for key, told in numbers.items()}
    assert rule.standing(more) == answer  # what comes later does not change it


@given(RANDOM, st.integers(2, 5), st.integers(0, 9))
def test_RA3_further_numbers_of_a_config_wait_for_the_others(rng, configs, ahead):
    rule = RaceRule(configs, 0.1)
    numbers = {str(i): [rng.gauss(0, 1) for _ in range(FIRST)] for i in range(configs)}
    before = rule.standing(numbers)
    assert isinstance(before, Further) and before.attempts == FIRST + 1
    numbers["0"] += [100.0] * ahead
    after = rule.standing(numbers)
    assert isinstance(after, Further) and (after.attempts, after.left) == (6, before.left)
    assert ("0" in after.of) == (not ahead and "0" in before.of)


def test_RA1_what_is_worse_by_the_indifference_is_seldom_named():
    """The table of benchmarks/racing.py in small: more rows, other noise, 2,000 races a row."""
    rng, rule = random.Random(0), RaceRule(4, 1.0)
    named = [run(rule, [0.0, 1.0, 0.0, 0.0], rng, spread=1.5)[0] for _ in range(300)]
    assert sum(one != Best("1") for one in named) <= 0.05 * 300


def test_RA1_few_attempts_of_a_skewed_number_are_not_believed():
    """Most numbers of the best config are low, and near each other; few are high."""
    rng, rule, wrong = random.Random(1), RaceRule(2, 1.0), 0
    for _ in range(300):
        numbers: dict[str, list[float]] = {"best": [], "other": []}
        while isinstance(standing := rule.standing(numbers), Further):
            for key in standing.of:
                while len(numbers[key]) < standing.attempts:
                    skewed = 3 * rng.expovariate(1) - 2
                    numbers[key].append(skewed if key == "best" else rng.gauss(0, 1))
        wrong += standing != Best("best")
    assert wrong <= 0.06 * 300


def test_attempts_go_to_those_that_may_be_the_best():
    answer, numbers = run(RaceRule(4, 0.1), [0.0, 10.0, 10.3, 0.0], random.Random(0), spread=0.5)
    assert answer == Best("2")
    spent = [len(told) for told in numbers.values()]
    assert max(spent[0], spent[3]) < 15 < 30 < min(spent[1], spent[2])


def test_what_cannot_be_told_apart_is_level():
    answer, numbers = run(RaceRule(3, 0.01, at_most=7), [0.0, 0.0, -90.0], random.Random(0))
    assert answer == Level(("0", "1"))
    assert [len(told) for told in numbers.values()] == [7, 7, len(numbers["2"])]


def test_equals_end_when_a_difference_would_have_shown():
    answer, numbers = run(RaceRule(2, 1.0), [0.0, 0.0], random.Random(0))
    assert isinstance(answer, Best)
    assert len(numbers["0"]) < 50


def test_numbers_without_spread_are_told_apart_at_once():
    assert RaceRule(2, 1.0).standing({"a": [1.0] * 5, "b": [1.1] * 5}) == Best("b")
    assert RaceRule(2, 1.0).standing({"a": [1.0] * 5, "b": [1.0] * 5}) == Best("a")


@given(RANDOM, st.floats(-2, 2))
def test_the_lowest_wins_where_less_is_better(rng, mean):
    numbers = {str(i): [rng.gauss(i * mean, 1) for _ in range(40)] for i in range(3)}
    negated = {key: [-x for x in told] for key, told in numbers.items()}
    assert RaceRule(3, 1.0, mode="min").standing(negated) == RaceRule(3, 1.0).standing(numbers)


@pytest.mark.parametrize(
    "options",
    [
        {"indifference": 0},
        {"indifference": float("nan")},
        {"indifference": "0.1"},
        {"confidence": 1},
        {"confidence": 0.3},
        {"at_most": 4},
        {"mode": "most"},
    ],
    ids=str,
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(BadStage):
        RaceRule(**{"configs": 2, "indifference": 1.0, **options})
