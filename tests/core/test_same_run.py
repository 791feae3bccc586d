"""The same run: copies, repetitions, and what is neither."""

from hypothesis import given
from hypothesis import strategies as st

from pystore import DRef, RRef
from pystore.core.attempt import Attempt
from pystore.core.candidate import Candidate
from pystore.core.same_run import Runs, distinct, merge, run_of, with_attempts

DREF = DRef("dref:" + "1" * 32 + "-data")
HERE, ELSEWHERE = "0" * 32, "1" * 32


def attempt(number, made, seed, outcome="succeeded", *, context=HERE, host="", pid=0):
    rref = RRef.of(f"{made:032x}", DREF) if outcome == "succeeded" else None
    return Attempt(f"{number:032x}", DREF, context, number, outcome, rref, None, seed, number,
                   number, host, pid, "", "", {}, {}, {})  # fmt: skip


def adopted(one, made=9):
    """The record with which another context has adopted it."""
    return one._replace(
        id="f" * 32, number=5, rref=RRef.of(f"{made:032x}", DREF), context=ELSEWHERE
    )


attempts = st.builds(
    attempt,
    st.integers(0, 9),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["succeeded", "failed", "died"]),
    context=st.sampled_from([HERE, ELSEWHERE]),
    host=st.sampled_from(["a", "b"]),
)


def test_SR1_what_was_adopted_is_the_same_run_and_counts_once():
    first = attempt(0, 1, 7)
    assert run_of(adopted(first)) == run_of(first)
    assert distinct([adopted(first), first]) == [first]


def test_SR2_equal_seeds_with_equal_results_count_once():
    tries = [attempt(0, 1, 7), attempt(1, 2, 8), attempt(2, 1, 7), attempt(3, 1, 9)]
    assert [a.number for a in distinct(reversed(tries))] == [0, 1, 3]
    assert distinct([attempt(0, 1, 7, "failed"), attempt(1, 1, 7, "died")]) == []
    # One seed that gave two results is two attempts: the training is not determined by its seed.
    assert len(distinct([attempt(0, 1, 7), attempt(1, 2, 7)])) == 2


def test_SR2_a_repetition_is_another_run_where_only_copies_are_asked_for():
    first, again = attempt(0, 1, 7), attempt(1, 1, 7)
    assert again in Runs([first], repetitions=True)
    assert again not in Runs([first], repetitions=False)


def test_SR3_what_runs_or_died_is_the_same_as_nothing():
    torn = attempt(0, 0, 0, "died")._replace(id="")
    assert torn not in Runs([torn], repetitions=True)
    assert merge([torn], [torn._replace(number=1)]) == [torn, torn._replace(number=1)]


def test_a_merge_leaves_out_copies_and_repetitions_in_the_same_context():
    mine, failed = attempt(0, 1, 7, host="a"), attempt(1, 0, 8, "failed", host="a")
    again, other = attempt(2, 1, 7, host="b"), attempt(3, 2, 7, host="b")
    assert merge([mine, failed], [mine, again, other, failed]) == [mine, failed, other]
    assert merge([mine], [adopted(mine)]) == [mine, adopted(mine)]


def test_a_candidate_takes_further_attempts_in_their_order():
    first, second = attempt(0, 1, 7), attempt(1, 1, 8)
    assert with_attempts(Candidate(second.rref, (second,)), [first, second]).attempts == (
        first,
        second,
    )


@given(st.lists(attempts), st.lists(attempts))
def test_merging_again_adds_nothing(mine, others):
    known = [a for a in merge(mine, others) if a.outcome != "died"]
    assert merge(known, [a for a in others if a.outcome != "died"]) == known
    assert all(one in known for one in distinct(known))


@given(st.lists(attempts, unique_by=lambda a: a.number), st.randoms())
def test_the_order_makes_no_difference_to_how_many_count(tries, rng):
    mixed = list(tries)
    rng.shuffle(mixed)
    assert len(distinct(mixed)) == len(distinct(tries))
