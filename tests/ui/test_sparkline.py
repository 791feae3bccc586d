"""Numbers as a line of small bars."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.ui.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 5, ""),
        ([1.0], 5, "▁"),
        ([2.0, 2.0], 5, "▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([0, 0, 7, 7], 2, "▁█"),
        ([0.0, nan, 1.0], 5, "▁ █"),
        ([nan, inf], 5, ""),
        ([-1e308, 1e308], 5, "▁▁"),
    ],
)
def test_each_number_or_part_is_a_bar(values, width, line):
    assert sparkline(values, width) == line


def test_an_encoding_without_bars_gets_plain_characters():
    assert sparkline([0, 1], 5, "ascii") == "_#"
    assert sparkline([0, 1], 5, "nothing") == "_#"


@given(st.lists(st.floats(), max_size=100), st.integers(1, 40))
def test_any_numbers_fit_in_the_width(values, width):
    line = sparkline(values, width)
    assert len(line) in (0, min(width, len(values)))
