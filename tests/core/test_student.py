"""Student's distribution, checked against scipy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtr, stdtrit

from pystore.core.student import quantile, tail

freedom = st.one_of(st.integers(1, 10**6), st.floats(1, 1e6))


@given(freedom, st.floats(1e-3, 50))
def test_XS1_tails_are_those_of_scipy(df, t):
    assert tail(t, df) == pytest.approx(2 * stdtr(df, -t), rel=1e-9, abs=1e-290)


@given(freedom, st.floats(0.1, 0.999))
def test_XS1_quantiles_are_those_of_scipy(df, level):
    assert quantile(level, df) == pytest.approx(stdtrit(df, (1 + level) / 2), rel=1e-9)


def test_the_ends_are_exact():
    assert (tail(0.0, 5), tail(math.inf, 5)) == (1.0, 0.0)
