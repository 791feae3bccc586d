"""Standing: the code that runs is the code that was declared."""

import copy
import json
import pickle
import warnings
from typing import Any

import pytest
from own_warnings import ours

import pystore as ps
from pystore import output, stage
from pystore.declare.identity import changes, code
from pystore.errors import BadStage, PystoreWarning

LIMIT = 1
SEEN: list[int] = []
TABLE = {"a": 1}
SETTINGS: Any = None
HOW: Any = copy.copy


def limited(x):
    return min(x, LIMIT)


@stage
def clip(x: int = 3, o=output("o.txt")):
    o.write_text(str(limited(x)))


@stage
def count(x: int = 3, o=output("o.txt")):
    SEEN.append(x)
    o.write_text(str(len(SEEN)))


@stage
def also_counts(o=output("o.txt")):
    o.write_text(str(len(SEEN)))


@stage
def copies(x: int = 3, o=output("o.txt")):
    HOW(SETTINGS)
    o.write_text(str(SETTINGS.size + x))


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(changes, "_excused", set())
    SEEN.clear()


def test_what_changed_between_declaration_and_run_is_an_error(store, monkeypatch):
    """Else the result would have the name of one thing, and be of another."""
    declared = clip()
    monkeypatch.setitem(globals(), "LIMIT", 2)
    with pytest.raises(BadStage, match="has changed since it was declared") as told:
        ps.realize(declared)
    assert told.value.facts["changed"] == "LIMIT"
    assert clip() != declared
    assert clip().run().o.read_text() == "2"


def test_one_that_was_declared_again_meanwhile_is_an_error_too(store, monkeypatch):
    declared = clip()
    monkeypatch.setitem(globals(), "LIMIT", 2)
    again = clip()
    with pytest.raises(BadStage, match="declare it again"):
        ps.realize(declared)
    assert again.run().o.read_text() == "2"


def test_what_changed_while_a_stage_ran_is_named(store):
    with pytest.warns(PystoreWarning, match="SEEN changed while count ran") as told:
        first = count()
        first.run()
    assert len(ours(told)) == 1
    assert count() != first, "what counts by value counts as changed when it changed"


def test_what_a_stage_has_changed_stops_no_other_that_was_declared_before(store):
    one, two = count(), also_counts()
    with pytest.warns(PystoreWarning, match="SEEN changed"):
        ps.realize(one)
    assert two.run().o.read_text() == "1"


def test_more_attempts_of_one_that_changes_what_it_uses_are_made(store):
    with pytest.warns(PystoreWarning, match="SEEN changed"):
        ps.realize(count(x=4), attempts=3)
    assert len(SEEN) == 3


def fresh_class(monkeypatch):
    """A class of which Python has copied no instance, and an instance."""
    kind = type("Settings", (), {"__module__": __name__, "size": 3})
    monkeypatch.setitem(globals(), "SETTINGS", kind())
    return kind


@pytest.mark.parametrize("how", [copy.deepcopy, copy.copy, pickle.dumps])
def test_an_instance_that_is_copied_is_no_change(store, monkeypatch, how):
    """Python notes the names of slots in its class then."""
    kind = fresh_class(monkeypatch)
    monkeypatch.setitem(globals(), "Settings", kind)
    monkeypatch.setitem(globals(), "HOW", how)
    declared, other = copies(), copies(x=4)
    assert "__slotnames__" not in vars(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ps.realize(declared)
        assert "__slotnames__" in vars(kind)
        ps.realize(other)
    assert copies() == declared


def test_an_instance_that_is_copied_between_declaration_and_run_is_no_change(store, monkeypatch):
    kind = fresh_class(monkeypatch)
    declared = copies(x=5)
    copy.copy(SETTINGS)
    assert "__slotnames__" in vars(kind)
    ps.realize(declared)
    kind.size = 4
    with pytest.raises(BadStage, match="has changed since"):
        ps.realize(declared, force_rebuild=True)


def test_what_stays_as_it_is_is_not_warned_of(store):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clip(x=5).run()


def test_a_sweep_looks_at_the_code_of_a_function_once(monkeypatch):
    looks = []
    real = code.survey
    monkeypatch.setattr(code, "_known", {})
    monkeypatch.setattr(code, "survey", lambda *a: looks.append(a) or real(*a))
    stands = []
    monkeypatch.setattr("pystore.declare.identity.survey.Survey.stands", lambda s: stands.append(s))
    ps.sweep(clip, x=list(range(10)))
    assert (len(looks), len(stands)) == (1, 0)


def test_explain_says_that_the_rule_changed(store, monkeypatch):
    monkeypatch.setattr(changes, "RULE", 1)
    monkeypatch.setattr(code, "PART", "pystore code 1")
    monkeypatch.setattr(code, "_known", {})
    old = clip().run()
    monkeypatch.setattr(changes, "RULE", 2)
    monkeypatch.setattr(code, "PART", "pystore code 2")
    monkeypatch.setattr(code, "_known", {})
    new = clip()
    assert new.dref != old.dref
    reasons = ps.explain(new).reasons
    assert any("the rule by which code counts changed, from 1 to 2" in one for one in reasons)


def test_the_rule_stands_in_the_record_of_an_attempt(store):
    notes = clip(x=9).run().attempts[0].notes
    assert notes["rule"] == code.RULE
    assert json.loads(json.dumps(notes["code"]))["limited"]
