"""Importance: of what differs in a metric, the share of each parameter."""

import math
import random

import pytest

from pystore.ask.experiments.importance import importances
from pystore.ask.experiments.summary import Group, Summary


def summary(rows, names):
    """A summary of rows: values of parameters, and the numbers of the metric."""
    groups = tuple(
        Group(dict(zip(names, given, strict=True)), "score", (), tuple(numbers), 0, 0, None)
        for *given, numbers in rows
    )
    return Summary(groups, tuple(names), "max")


def shares(rows, names):
    return {one.parameter: one.share for one in importances(summary(rows, names))}


def test_IM2_what_explains_everything_has_a_share_of_one():
    rows = [(x, y, [float(x)]) for x in range(4) for y in "abc"]
    found = shares(rows, ["x", "y"])
    assert list(found) == ["x", "y"]
    assert found["x"] == pytest.approx(1)
    assert found["y"] < 0


def test_IM2_a_number_of_many_values_is_cut_into_parts():
    rows = [(x / 100, [float(x >= 50)]) for x in range(100)]
    (found,) = importances(summary(rows, ["rate"]))
    assert (found.share, found.values) == (pytest.approx(0.98, abs=0.03), 100)


@pytest.mark.parametrize("values", [3, 8, 40, 400])
def test_IM1_what_makes_no_difference_has_a_share_of_zero_on_average(values):
    luck = random.Random(values)
    told = []
    for _ in range(60):
        rows = [(at % values, [luck.gauss(0, 1)]) for at in range(400)]
        told.append(shares(rows, ["x"])["x"])
    assert abs(sum(told) / len(told)) < 0.01


@pytest.mark.parametrize(
    "rows",
    [
        [("a", [1.0, 2.0])],
        [("a", [1.0]), ("b", [2.0])],
        [("a", [1.0, 1.0]), ("b", [1.0, 1.0])],
        [("a", []), ("b", [])],
    ],
    ids=["one value", "one attempt of each", "no difference", "no numbers"],
)
def test_IM3_what_cannot_be_known_is_not_guessed(rows):
    (found,) = importances(summary(rows, ["x"]))
    assert math.isnan(found.share)
    assert found.to_dict()["share"] is None


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e308])
def test_the_scale_of_the_metric_makes_no_difference(scale):
    rows = [("a", [0.1 * scale, 0.2 * scale]), ("b", [0.8 * scale, 0.9 * scale])]
    assert shares(rows, ["x"])["x"] == pytest.approx(0.97, abs=0.01)


def test_a_value_that_is_absent_is_a_value():
    groups = (
        Group({"x": None}, "score", (), (1.0, 1.1), 0, 0, None),
        Group({}, "score", (), (2.0, 2.1), 0, 0, None),
    )
    (found,) = importances(Summary(groups, ("x",), "max"))
    assert found.values == 2
    assert found.share > 0.9
