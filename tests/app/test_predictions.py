"""Predictions are JSON values, and two of them are the same within a tolerance."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.app import PredictorFailed
from pystore.app.predictions import is_single, plain, predictions_of, same


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


@pytest.mark.parametrize("value", [object(), 1j, {1, 2}, b"bytes"])
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
