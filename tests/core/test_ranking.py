"""Ranking by a metric."""

import math

from hypothesis import given
from hypothesis import strategies as st

from pystore import Config
from pystore.core.attempt import Attempt
from pystore.core.candidate import Candidate
from pystore.core.ranking import ranked
from pystore.core.refs import RRef

DREF = Config({"name": "train"}).dref
NUMBERS = st.sampled_from([0.0, -0.0, 1, 1.0, 2**53, 2**53 + 1, -3.5, math.inf, math.nan, None])


def candidate(digest: int, value: float | None) -> Candidate:
    rref = RRef.of(f"{digest:032x}", DREF)
    attempt = Attempt(
        id=rref.digest, dref=DREF, context="b" * 32, number=digest, outcome="succeeded", rref=rref,
        error=None, seed=digest, start=1, stop=2, host="lab", pid=42, realizer="train", source="",
        versions={}, metrics={} if value is None else {"a": value}, notes={},
    )  # fmt: skip
    return Candidate(rref, (attempt,), {"a": b"2.5\n"})


@given(
    st.lists(st.tuples(st.integers(0, 99), NUMBERS), unique_by=lambda one: one[0]),
    st.sampled_from(["min", "max"]),
)
def test_MA3_numbers_come_in_their_order_and_ties_in_that_of_the_references(several, mode):
    here = [candidate(digest, value) for digest, value in several]
    sign = -1.0 if mode == "max" else 1.0

    def key(one: Candidate) -> tuple[bool, float, str]:
        value = sign * one.metric("a")
        return value != value, 0.0 if value != value else value, one.rref

    assert ranked(here, "a", mode, None) == sorted(here, key=key)
