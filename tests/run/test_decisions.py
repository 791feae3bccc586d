"""Decisions: what a call tries before it builds."""

import pystore as ps
from pystore import Context, Derivation, match_latest, match_some
from pystore.core.judgement import Build, Use
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
