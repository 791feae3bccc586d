"""Printable: what any text becomes before a terminal sees it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.core.printable import printable, when

ANY = st.text(st.characters())  # surrogates too


@given(ANY | st.binary())
def test_nothing_that_could_steer_a_terminal_is_left(text):
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()


@given(ANY)
def test_what_was_printable_stays_as_it_was(text):
    assert not text.isprintable() or printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe 大小", "größe 大小"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\tc", r"a\nb\tc"),
        (b"\xff\xc3\xb6", r"\xffö"),
        ("\u202eright to left", r"\u202eright to left"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
    ],
)
def test_the_rest_is_spelled_as_python_spells_it(text, shown):
    assert printable(text) == shown


def test_times_are_in_utc_and_say_so():
    assert when(1_700_000_000_999_999_999) == "2023-11-14 22:13:20Z"
    assert when(None) == ""
