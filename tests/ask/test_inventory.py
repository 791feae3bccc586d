"""Inventory: derivations, realizations and pins as lists, and as JSON."""

import json

import pytest

from pystore import Derivation, Store, build_outpath, match_latest, pin, realize, reject, rmref
from pystore.ask.inspection.inventory import list_derivations, list_pins, list_realizations


def write(b):
    (build_outpath(b) / "accuracy.txt").write_text("0.5\n")


def train(rate):
    return Derivation({"name": "train", "rate": rate}, match_latest(), write)


@pytest.fixture
def rrefs(store: Store):
    return [realize(train(rate)) for rate in (0.1, 0.2)]


def as_json(values):
    return json.loads(json.dumps([value.to_dict() for value in values]))


def test_derivations_of_one_name_have_the_parameters_that_tell_them_apart(rrefs, store: Store):
    realize(Derivation({"name": "alone", "rate": 3}, match_latest(), write))
    found = as_json(list_derivations(store.drefs(), store))
    assert [(one["name"], one["parameters"], one["realizations"]) for one in found] == [
        ("alone", {}, 1),
        ("train", {"rate": 0.1}, 1),
        ("train", {"rate": 0.2}, 1),
    ]
    told = {"dref", "name", "realizations", "built", "parameters", "tags"}
    assert all(set(one) == told for one in found)


def test_a_derivation_that_was_never_built_has_no_time(store: Store):
    store.record([train(0.1).config])
    (found,) = as_json(list_derivations(store.drefs(), store))
    assert (found["realizations"], found["built"]) == (0, None)


def test_a_realization_has_its_state_its_metrics_and_its_pins(rrefs, store: Store):
    pin(rrefs[0], "mine")
    reject(rrefs[1], "a slip")
    (first,), (second,) = (list_realizations(rref.dref, store) for rref in rrefs)
    assert (first.state, first.pins, second.state) == ("here", ("mine",), "rejected")
    last = store.attempts(rrefs[0].dref)[-1]
    assert as_json([first]) == [
        {
            "rref": rrefs[0],
            "dref": rrefs[0].dref,
            "state": "here",
            "attempts": 1,
            "built": last.stop,
            "metrics": {"accuracy.txt": 0.5},
            "pins": ["mine"],
            "tags": [],
        }
    ]


def test_a_realization_that_is_gone_is_listed_with_its_attempts(rrefs, store: Store):
    rmref(rrefs[0])
    (row,) = list_realizations(rrefs[0].dref, store)
    assert (row.state, len(row.attempts)) == ("gone", 1)


def test_pins_are_listed_by_name(rrefs, store: Store):
    pin(rrefs[1], "b")
    pin(rrefs[0], "a")
    assert as_json(list_pins(store)) == [
        {"pin": "a", "rref": rrefs[0]},
        {"pin": "b", "rref": rrefs[1]},
    ]
