"""Marks of realizations that were made of rows that were forgotten since."""

from pathlib import Path

import pytest

import pystore as ps
from pystore.store.forgotten import built_of, mark_forgotten, snapshots_forgotten


@ps.stage
def first(n: int = 0, out=ps.output("out.txt")):
    out.write_text(str(n))


@ps.stage
def then(before, out=ps.output("out.txt")):
    out.write_text("then")


def test_FM1_a_mark_stays_when_the_bytes_go_and_forbids_nothing(store):
    rows, model = ps.realize(first()), ps.realize(then(first()))
    mark_forgotten(store, rows, [rows])
    mark_forgotten(store, model, [rows])
    assert ps.realize(then(first())) == model
    assert store.verdicts(rows)["forgotten"].startswith("holds rows that were forgotten at 2")
    assert store.verdicts(model)["forgotten"].startswith("was made of rows that were forgotten")
    for rref in (model, rows):
        store.remove(rref)
    assert "forgotten" in store.verdicts(model)
    assert snapshots_forgotten(store) == [rows]
    assert ps.verify().sound


def test_FM1_a_second_mark_adds_to_the_first(store):
    rows, other = ps.realize(first(1)), ps.realize(first(2))
    mark_forgotten(store, rows, [rows])
    mark_forgotten(store, rows, [other])
    assert store.verdicts(rows)["forgotten"].startswith("holds rows")


def test_a_garbled_mark_is_a_damage_and_stands(store):
    rref = ps.realize(first())
    mark_forgotten(store, rref, [rref])
    [mark] = Path(store.parts.layout.attempts(rref.dref)).glob("*.forgotten")
    mark.unlink()  # it is read-only
    mark.write_text("{")
    assert [one.kind for one in ps.verify().damages] == ["verdict"]
    assert "nobody can read why" in store.verdicts(rref)["forgotten"]
    mark_forgotten(store, rref, [rref])
    assert ps.verify().sound


@pytest.mark.parametrize("length", [1, 3])
def test_what_was_built_of_something_is_found_at_any_distance(store, length):
    derivation, expected = first(), []
    root = ps.realize(derivation)
    for _ in range(length):
        derivation = then(derivation)
        expected.append(ps.realize(derivation))
    ps.realize(then(first(9)))
    assert built_of(store, [root]) == sorted(expected)
