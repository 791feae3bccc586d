"""Instants: a time and its moment are the same, cut to the microsecond."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from pystore.core.instants import nanoseconds, utc


@given(st.integers(-(10**18), 10**19))
def test_a_moment_is_the_time_cut_to_the_microsecond(time: int):
    assert nanoseconds(utc(time)) == time // 1000 * 1000


@given(st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1)))
def test_a_time_gives_its_moment_back(naive: datetime):
    moment = naive.astimezone()
    assert utc(nanoseconds(moment)) == moment
