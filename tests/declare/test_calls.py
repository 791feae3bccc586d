"""Calls of stages: both kinds return a derivation, or declare it in a registry."""

import pytest

from pystore import Derivation, Registry, match_latest, stage, two_way
from pystore.core.refs import DRef
from pystore.errors import BadStage


@two_way
def by_hand(rate=0.1):
    return Derivation({"name": "by-hand", "rate": rate}, match_latest(), print)


@stage
def decorated(rate=0.1):
    """A stage."""


BOTH = pytest.mark.parametrize("made", [by_hand, decorated], ids=["by hand", "@stage"])


@BOTH
def test_a_call_returns_a_derivation_and_declares_nothing(made):
    derivation = made(0.2)
    assert isinstance(derivation, Derivation)
    assert derivation.config["rate"] == 0.2


@BOTH
def test_a_call_with_a_registry_declares_there_and_returns_the_reference(made):
    m = Registry()
    dref = made(m, rate=0.2)
    assert type(dref) is DRef
    assert [*m] == [dref]
    assert m[dref] == made(0.2)


@BOTH
def test_arguments_that_a_stage_does_not_take_are_an_error_that_names_the_closest(made):
    with pytest.raises(BadStage, match="does not take these arguments") as caught:
        made(rte=0.2)
    assert caught.value.facts["closest"] == "rate"
    assert "rate=0.1" in str(caught.value.facts["takes"])


def test_a_stage_has_the_names_of_its_function():
    assert (by_hand.__name__, by_hand.__module__) == ("by_hand", __name__)
    assert decorated.__doc__ == "A stage."
    assert repr(by_hand) == "<stage by_hand>"
    assert repr(decorated) == "<stage decorated(rate=0.1)>"
