"""Scales: where values stand on an axis."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.ui.page.scales import Scale

NUMBERS = st.floats() | st.integers() | st.integers(-9, 9) | st.just(10**400)
VALUES = st.lists(NUMBERS, min_size=1, max_size=30) | st.lists(
    NUMBERS | st.text(max_size=5) | st.none() | st.booleans(), min_size=1, max_size=30
)


@given(VALUES, st.sampled_from([0.0, 0.05]))
def test_YX2_each_value_stands_on_the_axis(values, margin):
    scale = Scale.of(values, margin=margin)
    assert all(-1e-9 <= scale.at(value) <= 1 + 1e-9 for value in values)
    assert all(-1e-6 <= at <= 1 + 1e-6 for at, _ in scale.ticks)
    assert len(scale.ticks) <= 12


@pytest.mark.parametrize(
    ("values", "is_log"),
    [
        ([1, 100], False),
        ([1, 101], True),
        ([1e-5, 0.1], True),
        ([0, 1000], False),
        ([-1, 1000], False),
        (["1", 1000], False),
        ([1, math.inf], False),
    ],
    ids=["two decades", "more", "below one", "zero", "negative", "a text", "infinity"],
)
def test_YX1_more_than_two_decades_are_logarithmic(values, is_log):
    assert Scale.of(values).is_log is is_log


def test_few_numbers_are_written_themselves():
    assert [text for _, text in Scale.of([2, 4]).ticks] == ["2", "4"]
    assert [text for _, text in Scale.of([1, 1.01, 2]).ticks] == [
        "1",
        "1.2",
        "1.4",
        "1.6",
        "1.8",
        "2",
    ]
    assert [text for _, text in Scale.of([1e-4, 1e-2, 1.0]).ticks] == ["0.0001", "0.01", "1"]


def test_categories_are_in_order_and_not_confused():
    scale = Scale.of(["b", "a", None, True, 2])
    assert [text for _, text in scale.ticks] == ["2", "None", "True", "a", "b"]
