"""How sure a score is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.app.evidence import Evidence, errors_among, mcnemar, wilson
from pystore.errors import BadStage


def kept(right: list[bool], rows: str = "rows") -> Evidence:
    return Evidence((1,) * len(right), tuple(int(one) for one in right), rows)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_EV1_the_interval_is_that_of_the_source(k, n, low, high):
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_EV1_the_interval_holds_the_share(known):
    k, n = known
    low, high = wilson(k, n)
    assert 0 <= low <= k / n <= high <= 1


def test_EV1_of_no_rows_every_share_is_possible():
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("k", "n"), [(1, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_is_an_error(k, n):
    with pytest.raises(ValueError, match="no share"):
        wilson(k, n)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_EV2_the_test_is_the_exact_binomial_one(pairs):
    found = mcnemar(kept([a for a, _ in pairs]), kept([b for _, b in pairs]))
    only_a, only_b = sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)
    n = only_a + only_b
    far = [k for k in range(n + 1) if abs(k - n / 2) >= abs(only_a - n / 2) - 1e-9]
    assert (found.only_a, found.only_b, found.rows) == (only_a, only_b, len(pairs))
    assert found.p == pytest.approx(min(1.0, sum(math.comb(n, k) for k in far) / 2**n))


def test_EV2_other_rows_are_not_compared():
    with pytest.raises(BadStage, match="other rows"):
        mcnemar(kept([True]), kept([True], "others"))


def test_a_prediction_agrees_with_the_truth_by_its_value():
    truth = ("a", 1, 2.0, ["x"], "cat", 3)
    told = ("a", 1.0, 2, "x", {"cat": 0.9, "dog": 0.1}, "3")
    assert all(Evidence(truth, told, "").right)


def test_EV2_rows_in_another_order_are_not_compared():
    ordered, turned = (Evidence(truth, (0, 1, 1), "rows") for truth in [(0, 1, 1), (1, 1, 0)])
    with pytest.raises(BadStage, match="tested on other rows"):
        mcnemar(ordered, turned)


def test_labels_that_are_whole_numbers_are_equal_or_not():
    truth, told = (1000, 2000.0, 3, 2.5), (1001, 2001.0, 3.0000001, 2.5000001)
    assert Evidence(truth, told, "").right == (False, False, True, True)


@pytest.mark.parametrize(
    ("truth", "told"),
    [
        (1.0, {"0": 0.1, "1": 0.9}), (1, {"0.0": 0.1, "1.0": 0.9}), ("7", 7.0), (7, "7"),
        (1.0, [1.0]), (True, "True"), (True, True), ("a", {"a": 1.0}), (2**53 + 1, 2**53 + 1),
        (0.1, 0.1000001),
    ],
)  # fmt: skip
def test_EV3_a_prediction_that_names_the_true_value_is_right(truth, told):
    assert Evidence((truth,), (told,), "").right == (True,)


@pytest.mark.parametrize(
    ("truth", "told"),
    [
        (1, {"0": 0.9, "1": 0.1}), ("7", 8.0), ("a", 1), (2**53 + 1, 2**53), (True, "False"),
        (10**400, 1.5), ("True", 0), (1, {"label": "1", "p": 0.9}), (1, {}), (1, [1, 1]),
    ],
)  # fmt: skip
def test_EV3_any_other_prediction_is_wrong(truth, told):
    assert Evidence((truth,), (told,), "").right == (False,)


def test_the_farthest_is_the_worst_and_no_number_is_worse():
    found = errors_among(Evidence((1.5,) * 4, (1.0, math.nan, [9.5], -math.inf), ""))
    assert [one["row"] for one in found] == [1, 3, 2, 0]
