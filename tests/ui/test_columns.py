"""Columns and quantities: how rows, sizes and times are printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.core.printable import counted
from pystore.ui.cli import columns as module
from pystore.ui.cli.columns import cells, columns, cut, facts
from pystore.ui.quantities import number, size, span

WIDE = "大小"


@pytest.fixture
def narrow(monkeypatch):
    """A terminal of 12 characters."""
    monkeypatch.setattr(module, "in_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "12")


def test_columns_stand_below_one_another_whatever_the_letters():
    shown = columns(["name", "n", "rest"], [[WIDE, "1", "x"], ["abc", "100", "y"]], right=["n"])
    assert module.click.unstyle(shown).splitlines() == [
        "name    n  rest",
        f"{WIDE}    1  x",
        "abc   100  y",
    ]


def test_a_line_is_cut_in_a_terminal_only(narrow, monkeypatch):
    assert cut("x" * 12) == "x" * 12
    assert cut("x" * 13) == "x" * 11 + "…"
    assert facts([("name", "a long value")]) == "  name  a l…"
    assert facts([("name", "a long value")], whole=True) == "  name  a long value"
    monkeypatch.setattr(module, "in_terminal", lambda: False)
    assert cut("x" * 13) == "x" * 13


def test_a_narrow_terminal_goes_without_what_can_be_spared(narrow, monkeypatch):
    def header(room):
        monkeypatch.setenv("COLUMNS", str(room))
        row = ["a", "b" * 20, "1", "long " * 20]
        table = columns(["name", "built", "n", "result"], [row], spare=["built", "n"])
        return module.click.unstyle(table).splitlines()[0].split()

    assert header(52) == ["name", "built", "n", "result"]
    assert header(40) == ["name", "n", "result"]
    assert header(27) == ["name", "result"]


@given(st.text(st.characters(codec="utf-8")))
def test_no_line_is_wider_than_the_terminal(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "terminal_width", lambda: 12)
        assert cells(cut(text)) <= 12


def test_a_table_of_nothing_is_its_header():
    assert module.click.unstyle(columns(["a", "b"], [])) == "a  b"


@pytest.mark.parametrize(
    ("bytes", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1234, "1.23 kB"), (999_600, "1 MB"),
     (51_200_000, "51.2 MB"), (2_500_000_000, "2.5 GB"), (10**15, "1 PB")],
)  # fmt: skip
def test_sizes_have_three_digits(bytes, shown):
    assert size(bytes) == shown


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.7, "1 min 00 s"), (3600, "1 h 00 min")],
)
def test_a_duration_is_short(seconds, text):
    assert span(seconds) == text


def test_things_are_counted_in_words():
    assert [counted(n, "file") for n in (0, 1, 2000)] == ["0 files", "1 file", "2,000 files"]
    assert number(0.123456789) == "0.123457"
