"""Predictions are JSON values, and two of them are the same within a tolerance."""

import json
from enum import Enum, IntEnum
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.app import PredictorFailed
from pystore.app.predictions import in_order, is_single, plain, predictions_of, same


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        ({1: np.float64(0.25)}, {"1": 0.25}),
        ((1, None), [1, None]),
    ],
)
def test_what_predictors_return_becomes_json(value, expected):
    assert plain(value) == expected
    assert json.loads(json.dumps(plain(value))) == expected


class Number(IntEnum):
    LARGE = 2**53 + 1


class Colour(str, Enum):  # noqa: UP042  # as people write it
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(Number.LARGE, 2**53 + 1), (Colour.RED, "red"), (np.str_("a"), "a"), (10**400, 10**400)],
)
def test_SP2_a_label_stays_the_value_that_it_is(value, expected):
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


def test_SP2_no_name_takes_the_place_of_another():
    with pytest.raises(PredictorFailed, match="one text"):
        plain({1: 0.4, "1": 0.6})
    with pytest.raises(PredictorFailed, match="one name"):
        predictions_of(pd.DataFrame([[1, 2]], columns=["a", "a"]), 1)


@pytest.mark.parametrize(
    "value",
    [object(), 1j, {1, 2}, b"bytes", np.longdouble(1.5), np.array(["2026-01-31"], "M8[ns]"),
     np.array([5], "m8[ns]"), pd.Series(pd.to_datetime(["2026-01-31"]))],
)  # fmt: skip
def test_what_is_no_json_value_is_an_error(value):
    with pytest.raises(PredictorFailed, match="no JSON value"):
        plain(value)


def test_each_row_has_one_prediction():
    assert predictions_of(pd.DataFrame({"a": [1, 2]}), 2) == [{"a": 1}, {"a": 2}]
    for wrong in ([1], [1, 2, 3], []):
        with pytest.raises(PredictorFailed, match="for 2 rows"):
            predictions_of(wrong, 2)
    with pytest.raises(PredictorFailed, match="no list"):
        predictions_of(7, 2)


def test_single_precision_is_seen():
    assert is_single(np.zeros(2, np.float32))
    assert is_single([np.float32(1)])
    assert not is_single([1.0])
    assert not is_single([])


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
)


@given(_plain)
def test_SP1_a_prediction_is_the_same_as_itself_after_json(value):
    assert same(value, json.loads(json.dumps(value)), 1e-5)


@given(st.floats(1e-6, 1e6), st.sampled_from([1e-3, 1e-5]))
def test_SP1_numbers_are_the_same_within_the_tolerance(number, tolerance):
    assert same([number], [number * (1 + tolerance / 2)], tolerance)
    assert not same([number], [number * (1 + tolerance * 3)], tolerance)


@pytest.mark.parametrize(
    ("one", "other"), [("a", "b"), (1, 2), (True, 1), ("1", 1), ([1], [1, 1]), ({"a": 1}, {"b": 1}),
                       (1.0, "1.0"), (float("nan"), 1.0), (None, 0.0), (True, 1.0)],
)  # fmt: skip
def test_SP1_all_else_is_the_same_only_when_it_is_equal(one, other):
    assert not same(one, other, 1e-3)
    assert not same(other, one, 1e-3)


@pytest.mark.parametrize("found", [{"a": 1, "b": 2}, "ab", {1, 2}, b"ab", {"a": 1}.keys()])
def test_SP3_what_has_no_order_of_rows_is_refused(found: Any):
    with pytest.raises(PredictorFailed, match="and no list"):
        predictions_of(found, 2)


@pytest.mark.parametrize("labels", [[7, 5, 9], range(3), ["a", "b", "c"]])
def test_SP3_rows_in_another_order_are_refused(labels: Any):
    features = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=labels)
    for turned in (features["a"].iloc[::-1], features.sort_values("a", ascending=False)):
        with pytest.raises(PredictorFailed, match="another order"):
            in_order(features.index, turned)


def test_SP3_rows_without_labels_of_their_own_count_by_their_place():
    features = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=[2, 0, 1])
    for found in (features["a"], pd.Series([1, 2, 3]), np.arange(3), [1, 2, 3]):
        assert in_order(features.index, found) is found
    assert in_order(None, features) is features


def test_numbers_beyond_all_floats_are_compared():
    assert not same(10**400, 1.5, 1e-5)
