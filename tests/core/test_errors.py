"""Errors: their messages stay short, and steer no terminal; their facts stay whole."""

import pickle

import pytest

from pystore.core.printable import MOST, listed
from pystore.errors import BuildError, NoAccess, PystoreError


@pytest.mark.parametrize(
    ("count", "ending"), [(0, ""), (20, "19"), (21, ", and 1 more"), (2500, ", and 2,480 more")]
)
def test_of_many_names_the_first_are_listed_and_the_others_counted(count, ending):
    text = listed(range(count))
    assert text.endswith(ending)
    assert text.count(", ") <= MOST


def test_a_message_stays_short_whatever_its_facts_are():
    error = BuildError("x" * 100_000, because="y" * 1_200_000, remedy="try again")
    assert len(str(error)) < 10_000
    assert "1,196,000 more characters" in str(error)
    assert str(error).endswith("try: try again")
    assert len(str(error.because)) == 1_200_000


def test_no_message_steers_a_terminal():
    error = PystoreError("a \x1b]0;b\x07", because="one\n\x1b[31mtwo\udcff", remedy="c\x9b")
    assert "\x1b" not in str(error)
    assert "\x9b" not in str(error)
    assert str(error).encode()
    assert str(error).splitlines()[2].strip() == r"\x1b[31mtwo\xff"


def test_an_error_of_the_system_goes_to_another_process_with_its_facts():
    error = NoAccess("permission denied", path="/lab", owner="anna", remedy="ask")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.owner) == (NoAccess, str(error), "anna")
