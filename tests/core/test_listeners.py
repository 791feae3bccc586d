"""Listeners only listen."""

import pytest

from pystore import PystoreWarning
from pystore.core.listeners import both, guarded
from pystore.core.refs import DRef
from pystore.events import Event, Reused, Waiting, ignore

DREF = DRef("dref:" + 32 * "0" + "-x")
FIRST, SECOND = Reused(DREF, ()), Waiting(DREF, "nobody")


def test_two_listeners_hear_the_same_in_the_same_order():
    one: list[Event] = []
    other: list[Event] = []
    hear = both(one.append, other.append)
    hear(FIRST)
    hear(SECOND)
    assert one == other == [FIRST, SECOND]
    assert both(ignore, hear) is hear
    assert both(hear, ignore) is hear


def test_LN1_an_exception_of_a_listener_is_a_warning_and_the_others_go_on_hearing():
    heard: list[Event] = []

    def raises(event: Event) -> None:
        raise ValueError("boom")

    hear = both(guarded(raises), guarded(heard.append))
    with pytest.warns(PystoreWarning, match="ValueError: boom, when it was told of Reused"):
        hear(FIRST)
    hear(SECOND)  # an error here is a second warning
    assert heard == [FIRST, SECOND]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes(error):
    def raises(event: Event) -> None:
        raise error

    with pytest.raises(error):
        guarded(raises)(FIRST)
