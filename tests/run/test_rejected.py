"""What was rejected is trained at most once more, and never again and again."""

import pytest

import pystore as ps
from pystore import Derivation, match_best, match_latest, match_some
from pystore.errors import MatcherUnsatisfied


def same(ran, matcher):
    """A stage that makes the same each time."""

    def build(b):
        ran.append(b.seed)
        (b.outpath / "accuracy.txt").write_text("0.5\n")

    return Derivation({"name": "train"}, matcher, build)


@pytest.mark.parametrize(
    ("matcher", "most"),
    [
        (match_latest(), 1),
        (match_latest(2), 2),
        (match_some(), 1),
        (match_best("accuracy.txt", of=3), 3),
    ],
)
def test_a_stage_that_makes_again_what_was_rejected_ends_after_one_round(store, matcher, most):
    ran = []
    rref = ps.realize(same(ran, match_latest()))
    ps.reject(rref, "label leak")
    ran.clear()
    with pytest.raises(MatcherUnsatisfied, match="rejected") as caught:
        ps.realize_many(same(ran, matcher))
    assert len(ran) == most
    assert (caught.value.rejected, caught.value.reason) == (rref, "label leak")


def test_a_forced_build_of_it_ends_too(store):
    ran = []
    ps.reject(ps.realize(same(ran, match_latest())), "label leak")
    with pytest.raises(MatcherUnsatisfied, match="rejected"):
        ps.realize(same(ran, match_latest()), force_rebuild=True)
    assert len(ran) == 2


def test_attempts_that_are_asked_for_end_too(store):
    ran = []
    ps.reject(ps.realize(same(ran, match_latest())), "label leak")
    with pytest.raises(MatcherUnsatisfied, match="rejected"):
        ps.realize(same(ran, match_latest()), attempts=5)
    assert len(ran) <= 6
