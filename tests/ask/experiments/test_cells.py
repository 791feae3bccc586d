"""Cells: the numbers of a metric by one parameter or by two."""

import pytest

from pystore.ask.experiments.cells import axes, cells
from pystore.ask.experiments.importance import importances
from pystore.ask.experiments.summary import Group, Summary

ROWS = [
    ({"rate": 1, "kind": "a", "width": 1}, (1.0, 2.0)),
    ({"rate": 1.0, "kind": "a", "width": 2}, (3.0,)),
    ({"rate": 2, "kind": "b", "width": 1}, (9.0, 9.5)),
    ({"rate": True, "kind": "b", "width": 2}, ()),
]


def summary(rows):
    groups = tuple(Group(told, "score", (), values, 0, 0, None) for told, values in rows)
    return Summary(groups, ("rate", "kind", "width"), "max")


def test_attempts_with_equal_values_are_one_cell_whatever_the_rest():
    found = cells(summary(ROWS), "rate", None)
    assert [(one.x, one.by, one.statistics.n) for one in found] == [(1, "", 3), (2, "", 2)]
    assert found[0].statistics.mean == pytest.approx(2)
    by_kind = cells(summary(ROWS), "width", "kind")
    assert [(one.x, one.by, one.statistics.n) for one in by_kind] == [
        (1, "a", 2), (2, "a", 1), (1, "b", 2)
    ]  # fmt: skip
    assert by_kind[0].to_dict()["mean"] == 1.5


def test_one_is_not_true():
    rows = [({"rate": 1}, (1.0,)), ({"rate": True}, (2.0,)), ({}, (3.0,))]
    assert [one.x for one in cells(summary(rows), "rate", None)] == [1, True, None]


def test_a_number_that_matters_is_drawn_over_by_what_has_few_values():
    told = summary(ROWS[:3])
    assert axes(told, importances(told), 8) == ("rate", "kind")
    assert axes(told, importances(told), 1) == ("rate", None)
