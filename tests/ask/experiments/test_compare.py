"""Comparing two stages."""

import random

import numpy as np
import pytest
from scipy import stats

from pystore import (
    Derivation,
    attempts,
    build_cattrs,
    build_outpath,
    build_seed,
    match_some,
    realize_many,
    rmref,
)
from pystore.ask.experiments.compare import compare
from pystore.errors import BadMetric, BadStage, BuildError

FILE = "accuracy.txt"


def build(b):
    c = build_cattrs(b)
    shared = random.Random(getattr(c, "seed", 0)).gauss(0, 0.05) if "seed" in b.config else 0
    own = random.Random(build_seed(b)).gauss(0, 0.001)
    if c.level < 0:
        raise ArithmeticError("below zero")
    (build_outpath(b) / FILE).write_text(f"{c.level + shared + own:.9f}\n")


def train(level, n=6, **more):
    return Derivation({"name": "train", "level": level, **more}, match_some(n), build)


def values(derivation):
    return [a.metrics[FILE] for a in attempts(derivation.dref)]


def test_a_comparison_is_welchs(store):
    a, b = train(0.5), train(0.501, n=9)
    realize_many([a, b])
    found = compare(a, b, FILE)
    theirs = stats.ttest_ind(values(a), values(b), equal_var=False)
    assert found.difference.value == pytest.approx(np.mean(values(a)) - np.mean(values(b)))
    assert found.difference.p == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))
    assert (len(found.a), len(found.b)) == (6, 9)


def test_seeds_that_are_parameters_pair(store):
    sides = [[train(level, n=1, seed=seed) for seed in range(6)] for level in (0.5, 0.51)]
    realize_many(sides)
    a, b = sides
    loose, tight = compare(a, b, FILE), compare(a, b, FILE, paired="seed")
    theirs = stats.ttest_rel([values(d)[0] for d in a], [values(d)[0] for d in b])
    assert tight.difference.p == pytest.approx(theirs.pvalue)
    assert tight.difference.p < 0.001 < 0.1 < loose.difference.p
    assert "paired by seed" in str(tight)


def test_several_attempts_of_one_seed_are_one_of_a_pair(store):
    sides = [[train(level, n=3, seed=seed) for seed in range(4)] for level in (0.5, 0.51)]
    realize_many(sides)
    found = compare(sides[0], sides[1], FILE, paired="seed")
    assert len(found.a) == len(found.b) == 4
    assert found.a[0] == pytest.approx(np.mean(values(sides[0][0])))


def test_attempts_without_a_partner_are_told(store):
    sides = [[train(level, n=2, seed=seed) for seed in range(4)] for level in (0.5, 0.51)]
    realize_many(sides)
    found = compare(sides[0], sides[1][1:], FILE, paired="seed")
    assert (len(found.a), len(found.b), found.unpaired) == (3, 3, 2)
    assert str(found).endswith("not counted: 2 attempts whose seed is on one side only")
    assert "not counted" not in str(compare(sides[0], sides[1], FILE, paired="seed"))


def test_what_does_not_pair_is_an_error(store):
    realize_many([train(0.5), train(0.6)])
    with pytest.raises(BadStage, match="two pairs") as caught:
        compare(train(0.5), train(0.6), FILE, paired="seed")
    assert str(attempts(train(0.5).dref)[0].seed) in str(caught.value)
    with pytest.raises(BadStage, match="no parameter"):
        compare(train(0.5), train(0.6), FILE, paired="fold")


def test_the_best_of_many_is_compared_fairly(store):
    few, many = train(0.5, n=5), train(0.5, n=40, again=True)
    realize_many([few, many])
    found = compare(few, many, FILE)
    assert found.tries == 5
    one, other = found.expected_best()
    assert one == max(values(few))
    assert other < max(values(many))


def test_a_comparison_prints(store):
    realize_many([train(0.5), train(0.6, n=4)])
    lines = str(compare(train(0.5), train(0.6), FILE)).splitlines()
    assert lines[0].startswith(FILE)
    assert "best of 4, expected" in lines[0]
    assert [line.split()[:2] for line in lines[1:3]] == [["a", "6"], ["b", "4"]]
    assert lines[3].startswith("a - b = -0.10")
    assert "Welch's t" in lines[3]
    assert compare(train(0.5), train(0.6), FILE)._repr_html_().startswith("<table>")


def test_one_attempt_is_too_few(store):
    realize_many([train(0.5, n=1), train(0.6, n=1)])
    found = compare(train(0.5), train(0.6), FILE)
    assert "too few" in str(found)
    assert found.difference.value == pytest.approx(-0.1, abs=0.01)


def test_a_result_that_came_back_counts_once(store):
    realize_many(train(0.5, n=3))
    rmref(attempts(train(0.5).dref)[0].rref)
    realize_many([train(0.5, n=3), train(0.6)])
    assert len(attempts(train(0.5).dref)) == 4
    assert len(compare(train(0.5), train(0.6), FILE).a) == 3


def test_attempts_on_both_sides_are_told(store):
    a, b = train(0.5), train(0.6)
    realize_many([a, b])
    assert compare([a, b], b, FILE).shared == 6
    assert "6 attempts on both sides" in str(compare([a, b], b, FILE))
    assert "both sides" not in str(compare(a, b, FILE))


def test_a_side_without_numbers_is_an_error(store):
    realize_many(train(0.5))
    with pytest.raises(BuildError):
        realize_many(train(-1.0))
    with pytest.raises(BadStage, match="one side"):
        compare(train(0.5), train(-1.0), FILE)
    with pytest.raises(BadMetric):
        compare(train(0.5), train(0.5), "loss.txt")
    with pytest.raises(BadStage, match="mode"):
        compare(train(0.5), train(0.5), FILE, mode="most")  # type: ignore[arg-type]  # the mistake
