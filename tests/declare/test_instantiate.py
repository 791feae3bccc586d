"""Instantiate: closures, which map references to derivations."""

import pytest

from pystore import Closure, Derivation, match_latest
from pystore.core.derivation import collect, leaves, reshape
from pystore.core.printable import html_table
from pystore.core.refs import DRef
from pystore.errors import BadStage


def build(b):
    """A realizer."""


def declared(name, **config):
    return Derivation({"name": name, **config}, match_latest(), build)


DATA = declared("data")
LEFT, RIGHT = declared("left", data=DATA), declared("right", data=DATA)
BEST = declared("best", among=[LEFT, RIGHT])


def closure(*targets):
    known: dict[DRef, Derivation] = {}
    collect(targets, known)
    return Closure.of([target.dref for target in targets], known)


def test_a_closure_is_the_mapping_from_references_to_derivations():
    whole = closure(BEST)
    assert len(whole) == 4
    assert whole[DATA.dref] is DATA
    assert dict(whole) == {one.dref: one for one in whole.derivations}
    other = declared("other").dref
    assert other not in whole
    assert DATA.dref in whole
    with pytest.raises(BadStage, match="not declared here"):
        whole[other]


def test_a_closure_knows_its_targets_in_their_shape():
    known = {one.dref: one for one in (DATA, LEFT, RIGHT)}
    shape = {"a": [LEFT.dref, RIGHT.dref], "b": LEFT.dref}
    whole = Closure.of(shape, known)
    assert whole.targets == shape
    assert whole.drefs == (LEFT.dref, RIGHT.dref)
    assert whole == Closure.of(shape, known)
    assert whole != Closure.of(LEFT.dref, known)


def test_a_closure_needs_every_input_to_be_declared():
    with pytest.raises(BadStage, match="not declared here") as caught:
        Closure.of(BEST.dref, {BEST.dref: BEST, LEFT.dref: LEFT, DATA.dref: DATA})
    assert caught.value.facts["needed_by"] == BEST.dref


def test_shapes_keep_lists_and_dicts():
    shape = {"a": [1, (2, 3)], "b": 4}
    assert [*leaves(shape)] == [1, 2, 3, 4]
    assert reshape(shape, str) == {"a": ["1", ["2", "3"]], "b": "4"}


def test_notebooks_show_what_a_derivation_and_a_closure_hold():
    assert "<td>1 &lt; 2</td>" in declared("data", rule="1 < 2")._repr_html_()
    assert BEST.dref in closure(BEST)._repr_html_()
    assert html_table({"<a>": 1}) == "<table><tr><th>&lt;a&gt;</th><td>1</td></tr></table>"
