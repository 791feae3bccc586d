"""Decisions: what a call tries before it builds."""

import pytest
from own_warnings import ours

import pystore as ps
from pystore import Context, Derivation, match_latest, match_some
from pystore.core.judgement import Build, Use
from pystore.errors import PystoreWarning
from pystore.run.decisions import Decisions
from pystore.run.options import RunOptions


def write(b):
    (b.outpath / "x.txt").write_text(str(b.seed))


class Elsewhere:
    """Other places, which have nothing."""

    def __init__(self, store):
        self.candidates, self.asked = store.candidates, 0

    def ask(self, *question):
        self.asked += 1
        return False

    def fetch(self, rrefs):
        return True

    def record_found(self, dref):
        pass


def decisions(store, derivation, substituter=None):
    closure = ps.instantiate(derivation, store=store)
    return Decisions(closure, (), store, substituter, RunOptions())


def test_DC1_what_vanishes_before_it_is_held_is_not_used(store, monkeypatch):
    derivation = Derivation({"name": "a"}, match_latest(), write)
    first = ps.realize(derivation)
    second = ps.realize(derivation, force_rebuild=True)
    hold = store.hold

    def late(rrefs):
        if second in rrefs:
            store.remove(second)
        return hold(rrefs)

    monkeypatch.setattr(store, "hold", late)
    found = decisions(store, derivation).decide(derivation.dref, Context(), locked=False)
    assert found == Use((first,))


def test_DC2_other_places_are_asked_once_in_a_call(store):
    derivation = Derivation({"name": "a"}, match_some(2), write)
    other = Elsewhere(store)
    made = decisions(store, derivation, other)
    assert made.decide(derivation.dref, Context(), locked=False) is None
    assert not other.asked
    for _ in range(2):
        found = made.decide(derivation.dref, Context(), locked=True)
        assert isinstance(found, Build)
    assert other.asked == 1


def chain(length):
    last = None
    for number in range(length):
        config = {"name": "link", "number": number, "before": last}
        last = Derivation(config, match_latest(), write)
    return last


def test_DC3_what_needs_nothing_is_held_at_once_before_it_is_told(store, monkeypatch):
    first = ps.realize(chain(5))
    held, told, hold = [], [], store.hold

    def noted(rrefs):
        held.append((len(rrefs), len(told)))
        return hold(rrefs)

    monkeypatch.setattr(store, "hold", noted)
    assert ps.realize(chain(5), listener=told.append) == first
    assert held == [(5, 0)]
    assert [type(event).__name__ for event in told] == ["Reused"] * 5


def test_DC3_what_vanishes_before_it_is_held_is_built_again(store, monkeypatch):
    last = ps.realize(chain(3))
    hold = store.hold

    def late(rrefs):
        if len(rrefs) > 1:
            store.remove(last)
        return hold(rrefs)

    monkeypatch.setattr(store, "hold", late)
    told = []
    assert ps.realize(chain(3), listener=told.append) == last
    names = [type(event).__name__ for event in told]
    assert names.count("Reused") == 2
    assert names.count("Succeeded") == 1


def test_DC3_what_a_build_changes_is_judged_again(store):
    other = Derivation({"name": "other"}, match_latest(), write)
    rejected = ps.realize(other)

    def reject(b):
        write(b)
        ps.reject(rejected, "the build says so")

    first = Derivation({"name": "first"}, match_latest(), reject)
    chosen = ps.realize([first, other])
    assert chosen[1] != rejected


def test_DC3_what_waits_for_a_build_is_asked_about_after_it(store):
    """A stage beside it needs nothing, and a stage above it is not looked at ahead."""
    below = Derivation({"name": "below"}, match_latest(), write)
    above = Derivation({"name": "above", "below": below}, match_latest(), write)
    beside = Derivation({"name": "beside"}, match_latest(), write)
    ps.realize(beside)
    made = decisions(store, above)
    assert made.ready() == {}
    told = []
    ps.realize([above, beside], listener=told.append)
    assert [e.dref.name for e in told if type(e).__name__ == "Succeeded"] == ["below", "above"]
    assert [e.dref.name for e in told if type(e).__name__ == "Reused"] == ["beside"]


def test_DC3_what_was_found_ahead_for_other_inputs_is_not_used(store):
    """A build changes an input of a stage that was looked at ahead."""
    data = Derivation({"name": "data"}, match_latest(), write)
    above = Derivation({"name": "above", "data": data}, match_latest(), write)
    ps.realize(above)
    old = ps.realize(data)

    def reject(b):
        write(b)
        ps.reject(old, "the build says so")

    first = Derivation({"name": "first"}, match_latest(), reject)
    _, chosen = ps.realize([first, above])
    assert ps.context_of(chosen)[data.dref] == (ps.realize(data),)


def edited(b):
    (b.outpath / "y.txt").touch()


def test_DC3_an_edit_is_told_once_though_a_build_comes_between(store):
    ps.realize(Derivation({"name": "other"}, match_latest(), write))
    first = Derivation({"name": "first"}, match_latest(), write)
    other = Derivation({"name": "other"}, match_latest(), edited)
    with pytest.warns(PystoreWarning, match="has changed since it built") as told:
        ps.realize([first, other])
    assert len(ours(told)) == 1
