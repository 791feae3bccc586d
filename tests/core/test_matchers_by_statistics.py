"""Matchers that know statistics."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import (
    Candidate,
    Derivation,
    DRef,
    Need,
    RRef,
    Store,
    attempts,
    build_outpath,
    build_seed,
    match_best,
    realize,
    realize_many,
    rmref,
)
from pystore.core.attempt import Attempt
from pystore.core.matchers_by_statistics import match_top, match_until, still_needed
from pystore.core.statistics import Statistics, student
from pystore.errors import BadMatcher, MatcherUnsatisfied

DREF = DRef("dref:" + "1" * 32 + "-data")
FILE = "accuracy.txt"

# Random candidates often lack the metric, all of them.
pytestmark = pytest.mark.filterwarnings("ignore:match_best:pystore.PystoreWarning")


def rref(i: int) -> RRef:
    return RRef.of(f"{i:032x}", DREF)


def candidate(i, value=None, seeds=(None,), gone=False, text=None):
    """Realization `i`, made at time i by attempts with these seeds (None: its own)."""
    metrics = {} if value is None else {FILE: value}
    tries = tuple(
        Attempt("", DREF, "0" * 32, 100 * i + n, "succeeded", rref(i), None,
                100 * i if seed is None else seed, 100 * i + n, 0, "", 0, "", "", {}, metrics, {})
        for n, seed in enumerate(seeds)
    )  # fmt: skip
    return Candidate(rref(i), tries, {} if text is None else {FILE: text}, gone)


candidates = st.lists(
    st.builds(
        candidate,
        st.integers(0, 30),
        st.one_of(st.none(), st.floats(0, 1)),
        st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple),
        st.booleans(),
    ),
    unique_by=lambda c: c.rref,
    max_size=8,
)
matchers = st.one_of(
    st.builds(match_top, st.just(FILE), st.integers(1, 4), st.sampled_from(["max", "min"])),
    st.builds(match_until, st.just(FILE), st.floats(0.001, 1), st.just(3), st.integers(3, 8)),
    st.builds(lambda k: match_best(FILE, of=k), st.integers(1, 6)),
)


def outcome(matcher, offered):
    try:
        return matcher.select(offered)
    except MatcherUnsatisfied as error:
        return error.what


@given(matchers, candidates, st.randoms())
def test_MS1_the_order_of_candidates_makes_no_difference(matcher, offered, rng):
    other = list(offered)
    rng.shuffle(other)
    assert outcome(matcher, offered) == outcome(matcher, other)


@given(matchers, candidates)
def test_only_what_is_not_gone_is_chosen(matcher, offered):
    answer = outcome(matcher, offered)
    if isinstance(answer, tuple):
        assert answer
        assert set(answer) <= {c.rref for c in offered if not c.gone}


# --- match_best(of=k) ------------------------------------------------------------------


def test_the_best_of_five_trains_five_times():
    offered = [candidate(1, 0.5), candidate(2, 0.7, seeds=(5, 6))]
    assert match_best(FILE, of=5).select(offered) == Need(2, of="attempts")
    assert match_best(FILE, of=5).select([]) == Need(5, of="attempts")
    assert match_best(FILE, of=3).select(offered) == (rref(2),)
    assert match_best(FILE, of=3, mode="min").select(offered) == (rref(1),)


def test_what_is_gone_counts_among_the_five_and_is_not_chosen():
    offered = [candidate(1, 0.5), candidate(2, 0.7, gone=True), candidate(3, 0.6, gone=True)]
    assert match_best(FILE, of=3).select(offered) == (rref(1),)


def test_a_result_that_was_built_again_with_its_seed_is_no_new_attempt():
    offered = [candidate(1, 0.5, seeds=(7, 7, 7))]
    assert match_best(FILE, of=2).select(offered) == Need(1, of="attempts")
    assert match_top(FILE, 2).select(offered) == Need(1, of="attempts")
    assert match_until(FILE).select(offered) == Need(2, of="attempts")


def test_without_of_match_best_is_what_it_was():
    assert str(match_best(FILE)) == "_match_best(file='accuracy.txt', mode='max', n=1)".strip("_")
    assert match_best(FILE) != match_best(FILE, of=2)


# --- match_top -------------------------------------------------------------------------


def test_the_top_is_that_of_the_attempts():
    offered = [candidate(1, 0.5), candidate(2, 0.7), candidate(3, 0.6), candidate(4)]
    assert match_top(FILE, 2).select(offered) == (rref(2), rref(3))
    assert match_top(FILE, 2, "min").select(offered) == (rref(1), rref(3))
    assert match_top(FILE, 4).select(offered)[-1] == rref(4)  # type: ignore[index]  # no Need
    assert match_top(FILE, 6).select(offered) == Need(2, of="attempts")


def test_the_top_of_a_stage_that_is_not_random_is_one():
    assert match_top(FILE, 3).select([candidate(1, 0.5, seeds=(1, 2, 3))]) == (rref(1),)


# --- match_until -----------------------------------------------------------------------


def test_it_trains_until_the_mean_is_known():
    matcher = match_until(FILE, halfwidth=0.01)
    assert matcher.select([]) == Need(3, of="attempts")
    wide = [candidate(i, 0.9 + 0.02 * i) for i in range(3)]
    assert isinstance(matcher.select(wide), Need)
    narrow = [candidate(i, 0.9 + 0.0001 * i) for i in range(3)]
    assert matcher.select(narrow) == (rref(0), rref(1), rref(2))


def test_it_stops_at_most_there():
    wide = [candidate(i, float(i)) for i in range(6)]
    assert match_until(FILE, at_most=6).select(wide) == tuple(map(rref, range(6)))
    assert isinstance(match_until(FILE, at_most=7).select(wide), Need)


def test_what_is_gone_counts_for_the_mean():
    offered = [candidate(i, 0.9, gone=i > 0) for i in range(3)]
    assert match_until(FILE).select(offered) == (rref(0),)
    assert match_until(FILE).select([candidate(i, 0.9, gone=True) for i in range(3)]) == Need(
        1, of="attempts"
    )


def test_a_result_without_the_metric_is_named():
    offered = [candidate(1, 0.9), candidate(2, text=b"diverged")]
    with pytest.raises(MatcherUnsatisfied, match="without the metric") as caught:
        match_until(FILE).select(offered)
    assert rref(2) in str(caught.value)
    gone = [candidate(i, 0.9) for i in range(3)] + [candidate(4, gone=True)]
    assert len(match_until(FILE).select(gone)) == 3  # type: ignore[arg-type]  # no Need


def simulate(spread, rng, at_least=3, at_most=20, rounds=2000):
    """How often mean ± halfwidth covers the truth, and the ordinary interval; halfwidth is 1."""
    promised, ordinary = [], []
    for _ in range(rounds):
        values = []
        while need := still_needed(values, 1.0, at_least, at_most):
            values += rng.normal(0, spread, need).tolist()
        found = Statistics.of(values)
        strict = student(len(values) - 1, 0.975) * found.std / math.sqrt(len(values))
        promised.append(abs(found.mean) <= max(1.0, strict))
        ordinary.append(found.low <= 0 <= found.high)
    return np.mean(promised), np.mean(ordinary)


def test_MS2_the_promised_interval_covers_the_truth():
    rng = np.random.default_rng(9)
    for spread in (0.3, 0.8, 1.3, 2.0, 3.0):
        promised, ordinary = simulate(spread, rng)
        assert promised >= 0.945, spread  # what 2,000 experiments can tell
        assert ordinary >= 0.885, spread


@given(st.lists(st.floats(-1, 1), max_size=25), st.integers(3, 20))
def test_it_ends_at_most_there_whatever_the_numbers(values, at_most):
    needed = still_needed(values, 0.1, 3, at_most)
    assert 0 <= needed <= max(0, at_most - len(values))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: match_until(FILE, halfwidth=0),
        lambda: match_until(FILE, halfwidth=math.nan),
        lambda: match_until(FILE, halfwidth="narrow"),  # type: ignore[arg-type]  # the mistake
        lambda: match_until(FILE, at_least=2),
        lambda: match_until(FILE, at_least=10, at_most=9),
        lambda: match_until("../x"),
        lambda: match_top(FILE, 0),
        lambda: match_top(FILE, 1, mode="most"),  # type: ignore[arg-type]  # the mistake
        lambda: match_best(FILE, of=0),
        lambda: match_best(FILE, 3, of=2),
    ],
)
def test_impossible_arguments_are_refused(wrong):
    with pytest.raises(BadMatcher):
        wrong()


# --- in a store ------------------------------------------------------------------------


def train(b):
    (build_outpath(b) / FILE).write_text(f"{0.9 + build_seed(b) / 2**32 / 100:.8f}\n")


def same(b):
    (build_outpath(b) / FILE).write_text("0.9\n")


def test_a_store_builds_as_many_as_are_needed_and_no_more(store: Store):
    matcher = match_until(FILE, halfwidth=0.0025)
    trained = Derivation({"name": "train"}, matcher, train)
    first = realize_many(trained)
    values = [a.metrics[FILE] for a in attempts(trained.dref)]
    assert 3 < len(first) == len(values) < 20
    assert still_needed(values, 0.0025, 3, 20) == 0
    assert realize_many(trained) == first
    best = realize(Derivation({"name": "train"}, match_best(FILE, of=len(first)), train))
    assert best in first
    assert len(attempts(trained.dref)) == len(first)


def test_a_stage_that_is_not_random_is_built_at_least_so_often(store: Store):
    for name, matcher in (("a", match_until(FILE)), ("b", match_top(FILE, 3))):
        assert len(realize_many(Derivation({"name": name}, matcher, same))) == 1
        assert len(attempts(Derivation({"name": name}, matcher, same).dref)) == 3


def test_lost_bytes_are_not_trained_again_for_the_mean(store: Store):
    trained = Derivation({"name": "train"}, match_until(FILE, halfwidth=1.0), train)
    rrefs = realize_many(trained)
    rmref(rrefs[0])
    assert sorted(realize_many(trained)) == sorted(rrefs[1:])
    for rref in rrefs[1:]:
        rmref(rref)
    assert len(realize_many(trained)) == 1
    assert len(attempts(trained.dref)) == 4
