"""The judgement: a question and an answer in, what to do out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import (
    Context,
    Derivation,
    Need,
    RRef,
    match,
    match_all,
    match_best,
    match_exact,
    match_latest,
    match_only,
    match_some,
    match_top,
    match_until,
)
from pystore.core.attempt import Attempt
from pystore.core.candidate import Candidate
from pystore.core.judgement import (
    Adopt,
    AskOthers,
    Build,
    Cannot,
    Question,
    Use,
    answer,
    ask,
    judge,
    judged,
)
from pystore.errors import MatcherUnsatisfied

FILE = "x.txt"


def train(b):
    """A realizer that no judgement runs."""


def question(matcher, **more):
    tried = {"adopts": False, "asks": False, **more}
    return Question(Derivation({"name": "train"}, matcher, train), Context(), **tried)


DREF = question(match_latest()).derivation.dref


def rref(made):
    return RRef.of(f"{made:032x}", DREF)


def candidate(made, *seeds, gone=False, start=0):
    tries = [
        Attempt(f"{made:016x}{seed:016x}", DREF, "0" * 32, start + seed, "succeeded", rref(made),
                None, seed, start + seed, start + seed, "", 0, "", "", {}, {FILE: made / 10}, {})
        for seed in seeds
    ]  # fmt: skip
    return Candidate(rref(made), tuple(tries), gone=gone)


def decide(question, *candidates):
    return judge(question, answer(question, candidates))


def after(question, *candidates, results=()):
    """The question after a round of builds that brought these."""
    judgement = decide(question, *candidates)
    rounds = question.rounds.begin(judgement, candidates)
    for made, rejected in results:
        rounds = rounds.bring(rref(made), rejected)
    return question._replace(rounds=rounds)


class Reader:
    def __init__(self, *candidates):
        self.found = list(candidates)

    def candidates(self, dref, context, reads=()):
        return self.found


def test_what_is_there_is_used():
    assert decide(question(match_latest()), candidate(1, 1), candidate(2, 2)) == Use((rref(2),))
    assert decide(question(match_latest(2)), candidate(1, 1)) == Build((None,), "realizations")


def test_an_application_asks_what_would_be_used_now():
    derivation = question(match_latest()).derivation
    store = Reader(candidate(1, 1))
    assert judged(store, derivation, Context()) == Use((rref(1),))
    store.found.append(candidate(2, 2))
    assert judged(store, derivation, Context()) == Use((rref(2),))
    store.found.clear()
    assert judged(store, derivation, Context()) == Build((None,), "realizations")


def test_what_was_found_to_be_absent_counts_as_gone():
    both = Reader(candidate(1, 1), candidate(2, 2))
    asked = question(match_latest(), absent=frozenset([rref(2)]))
    assert judge(asked, ask(both, asked)) == Use((rref(1),))


# --- it ends ---------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 5))
def test_JU1_builds_are_capped(n, most, wanted):
    def more(candidates):
        return Need(n)

    asked, builds = question(match(more), most=most, wanted=wanted), 0
    while isinstance(judgement := decide(asked), Build):
        made = builds = builds + judgement.count
        asked = after(asked, results=[(made, "")])
    assert builds == max(most, wanted)
    assert "max_attempts" in judgement.error.what


def test_JU1_a_round_that_brings_nothing_new_ends_it():
    one = candidate(1, 1)
    asked = after(question(match_latest(2)), one, results=[(1, "")])
    judgement = decide(asked, candidate(1, 1, 2))
    assert isinstance(judgement, Cannot)
    assert judgement.reason == "building again brings nothing new"
    assert isinstance(judgement.error, MatcherUnsatisfied)
    told = judgement.error.facts
    assert (told["attempts"], told["realizations"]) == (2, 1)


def test_JU1_a_round_for_attempts_never_brings_nothing():
    asked = after(question(match_some(3)), candidate(1, 1), results=[(1, ""), (1, "")])
    assert decide(asked, candidate(1, 1, 2)) == Build((None,), "attempts")


def test_JU1_three_attempts_with_one_result_are_enough_to_know():
    assert isinstance(decide(question(match_latest(2)), candidate(1, 1, 2, 3)), Cannot)
    assert isinstance(decide(question(match_latest(2)), candidate(1, 1, 2)), Build)
    assert isinstance(decide(question(match_some(4)), candidate(1, 1, 2, 3)), Build)


def test_JU1_three_repetitions_with_one_seed_say_nothing_of_others():
    again = Candidate(rref(1), tuple(a for start in (0, 5, 9)
                                     for a in candidate(1, 1, start=start).attempts))  # fmt: skip
    assert decide(question(match_latest(2)), again) == Build((None,), "realizations")


@pytest.mark.parametrize("matcher", [match_latest(2), match_some(2)])
def test_JU1_a_round_of_nothing_but_what_was_rejected_ends_it(matcher):
    asked = after(question(matcher), results=[(1, "label leak"), (1, "label leak")])
    error = decide(asked).error
    assert "rejected" in error.what
    assert (error.rejected, error.reason) == (rref(1), "label leak")


def test_JU1_a_round_in_which_something_was_not_rejected_goes_on():
    asked = after(question(match_latest(2)), results=[(1, ""), (2, "label leak")])
    assert isinstance(decide(asked, candidate(1, 1)), Build)


# --- attempts and matcher --------------------------------------------------------------


@pytest.mark.parametrize(
    ("matcher", "wanted", "count"),
    [
        (match_latest(), 3, 2),
        (match_latest(2), 3, 2),
        (match_latest(5), 3, 4),
        (match_some(4), 2, 3),
        (match_only(), 4, 3),
    ],
)
def test_JU2_the_larger_need_is_built(matcher, wanted, count):
    assert decide(question(matcher, wanted=wanted), candidate(1, 1)).count == count


def test_JU2_attempts_that_lack_are_built_though_the_matcher_refuses():
    two = candidate(1, 1), candidate(2, 2)
    assert decide(question(match_only(), wanted=3), *two) == Build((None,), "attempts")
    assert isinstance(decide(question(match_only(), wanted=2), *two), Cannot)


def test_JU2_repetitions_are_no_further_attempts():
    again = Candidate(rref(1), (*candidate(1, 1).attempts, *candidate(1, 1, start=9).attempts))
    assert decide(question(match_latest(), wanted=2), again).count == 1


# --- others ----------------------------------------------------------------------------


def test_JU3_results_of_others_come_before_a_build():
    asked = question(match_latest(), adopts=True, asks=True)
    assert decide(asked) == Adopt()
    assert decide(asked._replace(adopts=False)) == AskOthers(before_build=True)
    assert decide(asked._replace(adopts=False, asks=False)) == Build((None,), "realizations")
    assert decide(asked, candidate(1, 1)) == Use((rref(1),))


def test_JU3_others_are_asked_though_the_matcher_refuses_what_is_here():
    asked = question(match_exact([rref(7)]), adopts=True, asks=True)
    assert decide(asked) == AskOthers(before_build=False)
    assert isinstance(decide(asked._replace(asks=False)), Cannot)


def test_JU3_what_must_not_be_built_is_asked_for_and_never_adopted():
    asked = question(match_latest(), adopts=True, asks=True, may_build=False)
    assert decide(asked) == AskOthers(before_build=False)
    assert decide(asked._replace(asks=False)).reason == "it would have to be built"


def test_JU3_what_is_forced_is_built_first_and_takes_nothing_from_others():
    asked = question(match_latest(2), adopts=True, asks=True, forced=True)
    assert decide(asked, candidate(1, 1), candidate(2, 2)) == Build((None,), "attempts")
    asked = after(asked, results=[(1, "")])
    assert decide(asked, candidate(1, 1)) == Build((None,), "realizations")
    assert decide(asked, candidate(1, 1), candidate(2, 2)) == Use((rref(2), rref(1)))
    assert isinstance(decide(question(match_latest(), forced=True, may_build=False)), Cannot)


def test_a_mistake_in_a_matcher_is_told():
    def wrong(candidates):
        return candidates[0]

    judgement = decide(question(match(wrong), asks=True))
    assert judgement.reason == "IndexError: list index out of range"


# --- seeds -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matcher", "wanted", "seeds"),
    [
        (match_latest(), 1, (2,)),
        (match_latest(3), 1, (2, 1, None)),
        (match_all(), 1, (2,)),
        (match_best(FILE), 1, (2,)),
        (match_best(FILE, mode="min"), 1, (1,)),
        (match_best(FILE, of=4), 1, (None, None)),  # those that are gone are counted
        (match_top(FILE, 1), 1, (2,)),
        (match_some(), 1, (1,)),
        (match_latest(), 4, (None, None)),
        (match_until(FILE), 1, (None,)),
    ],
)
def test_JU4_seeds_are_tried_again_whose_results_would_count(matcher, wanted, seeds):
    lost = candidate(1, 1, gone=True), candidate(2, 2, gone=True)
    assert decide(question(matcher, wanted=wanted), *lost).seeds == seeds


def test_JU4_each_seed_is_tried_once_in_a_call():
    lost = candidate(1, 1, gone=True)
    asked = after(question(match_latest()), lost, results=[(2, "bad"), (3, "")])
    assert decide(asked, lost).seeds == (None,)


@given(st.permutations([candidate(i, i, i + 4, gone=i % 2 == 0) for i in range(1, 5)]),
       st.sampled_from([match_latest(3), match_best(FILE, 3), match_some(9), match_all()]),
       st.integers(1, 9))  # fmt: skip
def test_the_order_of_candidates_makes_no_difference(candidates, matcher, wanted):
    asked = question(matcher, wanted=wanted)
    assert decide(asked, *candidates) == decide(asked, *sorted(candidates, key=lambda c: c.rref))


def test_an_error_names_what_is_wanted():
    error = decide(question(match_latest(2), may_build=False)).error
    assert isinstance(error, MatcherUnsatisfied)
    assert (error.dref, error.wanted) == (DREF, "2 more realizations")
