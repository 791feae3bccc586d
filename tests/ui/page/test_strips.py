"""Strip plots."""

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from pystore.ui.page.strips import few, strip

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=300)


@given(NUMBERS)
def test_YD1_a_strip_has_few_points_and_both_ends(values):
    found = few(values)
    assert len(found) <= 60
    assert len(found) == len(values) or len(found) == 60
    if values:
        assert (found[0], found[-1]) == (min(values), max(values))


@given(NUMBERS)
def test_YD1_all_that_is_drawn_lies_on_the_axis(values):
    drawn = strip(values, min(values, default=0.0), max(values, default=1.0))
    places = [float(x) for x in re.findall(r"[MH](-?[0-9.]+)", drawn)]
    assert all(0 <= x <= 220 for x in places)
    assert drawn.count("h0") == min(len(values), 60)


def test_YD2_a_strip_speaks_and_has_no_style():
    drawn = strip([1.0, 2.0, 3.0], 0.0, 4.0)
    svg = ElementTree.fromstring(drawn)  # our own text
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"] == "3 values from 1 to 3, mean 2"
    assert "style" not in drawn
    assert "one value, 7" in strip([7.0], 7.0, 7.0)
    assert "no values" in strip([], float("nan"), float("nan"))
