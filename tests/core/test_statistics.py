"""Statistics: checked against scipy, and against the truth in simulated experiments."""

import itertools
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pystore.core.statistics import Statistics, expected_best, paired, picked_best, welch

numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 6))
samples = st.lists(numbers, min_size=2, max_size=30).filter(lambda x: len(set(x)) > 1)


@given(samples)
def test_ST2_the_interval_is_that_of_scipy(values):
    found = Statistics.of(values)
    low, high = stats.t.interval(
        0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values)
    )
    assert found.n == len(values)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert found.std == pytest.approx(np.std(values, ddof=1), rel=1e-9)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    assert (found.min, found.max) == (min(values), max(values))
    assert found.halfwidth == pytest.approx((high - low) / 2, rel=1e-9)


@given(samples, samples)
def test_welch_is_that_of_scipy(a, b):
    found, theirs = welch(a, b), stats.ttest_ind(a, b, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert (found.t, found.df) == pytest.approx((theirs.statistic, theirs.df), rel=1e-6, abs=1e-9)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-6, abs=1e-9)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=30))
def test_paired_is_that_of_scipy(pairs):
    a, b = zip(*pairs, strict=True)
    if len({round(x - y, 4) for x, y in pairs}) == 1:
        return  # scipy warns where every pair has one difference
    found, theirs = paired(a, b), stats.ttest_rel(a, b)
    interval = theirs.confidence_interval(0.95)
    assert (found.t, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-5)
    assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-5, abs=1e-9)


def test_ST2_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(4)
    for n in (3, 5, 20):
        runs = [Statistics.of(x.tolist()) for x in rng.normal(0.9, 0.01, (2000, n))]
        assert 0.93 <= np.mean([run.low <= 0.9 <= run.high for run in runs]) <= 0.97


def test_ST2_the_interval_of_a_difference_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(2000):
        a, b = rng.normal(0.9, 0.01, 5).tolist(), rng.normal(0.88, 0.03, 8).tolist()
        found = welch(a, b)
        covered.append(found.low <= 0.02 <= found.high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_ST2_a_test_of_what_is_alike_is_significant_as_seldom_as_it_says():
    rng = np.random.default_rng(6)
    draws = rng.normal(0, 1, (2000, 2, 6))
    for test in (welch, paired):
        significant = np.mean([test(a.tolist(), b.tolist()).p < 0.05 for a, b in draws])
        assert 0.03 <= significant <= 0.07


def test_ST3_too_few_numbers_say_nothing():
    nothing, one = Statistics.of([]), Statistics.of([0.5])
    assert nothing.n == 0
    assert all(math.isnan(x) for x in (nothing.mean, nothing.std, nothing.low, nothing.min))
    assert (one.n, one.mean, one.min, one.max) == (1, 0.5, 0.5, 0.5)
    assert all(math.isnan(x) for x in (one.std, one.low, one.high))
    for found in (welch([1.0], [1.0, 2.0]), paired([1.0], [2.0])):
        assert math.isnan(found.p)
        assert math.isnan(found.low)
    assert math.isnan(expected_best([1.0, 2.0], 3))
    assert math.isnan(picked_best([[1.0], [2.0, 3.0]]).corrected)


def test_numbers_that_are_all_the_same_differ_surely_or_not_at_all():
    assert welch([1.0] * 3, [1.0] * 3).p == 1.0
    assert welch([2.0] * 3, [1.0] * 3).p == 0.0
    assert paired([2.0] * 3, [1.0] * 3).t == math.inf
    assert Statistics.of([0.5] * 4).std == 0.0


@given(st.lists(numbers, min_size=1, max_size=7), st.integers(1, 7), st.sampled_from([max, min]))
def test_the_expected_best_is_the_mean_over_all_choices(values, k, best):
    if k > len(values):
        return
    every = [best(choice) for choice in itertools.combinations(values, k)]
    assert expected_best(values, k, best.__name__) == pytest.approx(np.mean(every), abs=1e-9)


def test_the_expected_best_of_many_does_not_overflow():
    assert expected_best([0.1 * i for i in range(2000)], 1000) == pytest.approx(199.8, abs=0.11)


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_best_of_ten_that_are_alike_is_corrected_to_what_it_is(mode):
    rng = np.random.default_rng(7)
    found = [picked_best(x.tolist(), mode) for x in rng.normal(0, 1, (2000, 10, 5))]
    luck = 1.539 / math.sqrt(5)  # the mean of the largest of ten normal numbers
    assert abs(np.mean([f.mean for f in found])) == pytest.approx(luck, abs=0.03)
    assert np.mean([f.corrected for f in found]) == pytest.approx(0, abs=0.03)


def test_the_best_of_groups_that_differ_clearly_needs_no_correction():
    rng = np.random.default_rng(8)
    groups = [rng.normal(mean, 0.01, 5).tolist() for mean in (0.1, 0.9, 0.5)]
    found = picked_best(groups)
    assert found.index == 1
    assert found.corrected == pytest.approx(found.mean, abs=1e-9)


def test_numbers_whose_squares_are_beyond_all_floats_have_statistics():
    found = Statistics.of([0.0, 1e200, 2e200])
    assert (found.mean, found.std) == pytest.approx((1e200, 1e200))
    assert Statistics.of([1e308, 1e308]).mean == pytest.approx(1e308)
    largest = sys.float_info.max
    assert Statistics.of([largest] * 3).mean == largest
    assert Statistics.of([-largest] * 3).mean == -largest
    assert welch([1e200, 2e200], [0.0, 1.0]).value == pytest.approx(1.5e200)


def test_a_pick_among_groups_whose_sum_is_beyond_all_floats_is_not_corrected():
    found = picked_best([[1.5e308, 1.5e308], [1.0, 2.0], [1.6e308, 1.6e308]])
    assert (found.index, found.mean) == (2, pytest.approx(1.6e308))
    assert math.isnan(found.corrected)
    found = picked_best([[-1.5e308, -1.5e308], [1.0, 2.0]], "min")
    assert (found.index, found.mean) == (0, pytest.approx(-1.5e308))
