"""Schedule: reports in, instructions out."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import DRef, Need, RRef
from pystore.core.schedule import Built, Chosen, Failed, Match, Realize, Schedule, Wants
from pystore.errors import MatcherUnsatisfied


def dref(i: int) -> DRef:
    return DRef(f"dref:{i:032x}-n")


def rref(i: int, j: int = 0) -> RRef:
    return RRef.of(f"{j:032x}", dref(i))


@st.composite
def graphs(draw):
    size = draw(st.integers(1, 12))
    edges = [draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(size)]
    return {dref(i): tuple(sorted(dref(j) for j in needs)) for i, needs in enumerate(edges)}


def drive(plan: Schedule, rng: random.Random, existing: dict) -> list:
    """Answers instructions in any order, as an executor with many workers would."""
    seen, waiting = [], []
    while not plan.ended:
        while (instruction := plan.next()) is not None:
            waiting.append(instruction)
        instruction = waiting.pop(rng.randrange(len(waiting)))
        seen.append(instruction)
        have = existing.setdefault(instruction.dref, [])
        if isinstance(instruction, Realize):
            have.append(RRef.of(f"{len(have) + 1:032x}", instruction.dref))
            plan.tell(Built(instruction.dref, have[-1], fresh=True))
        elif have:
            plan.tell(Chosen(instruction.dref, (have[-1],)))
        else:
            plan.tell(Wants(instruction.dref, Need(1)))
    return seen


@given(graphs(), st.randoms(), st.data())
def test_SC1_SC2_inputs_are_chosen_first_and_choices_stand(graph, rng, data):
    built = data.draw(st.sets(st.sampled_from(sorted(graph))))
    forced = data.draw(st.sets(st.sampled_from(sorted(graph))))
    existing = {d: [RRef.of("0" * 32, d)] for d in built}
    plan = Schedule(graph, forced)
    seen = drive(plan, rng, existing)
    done: set[DRef] = set()
    last_match = {i.dref: n for n, i in enumerate(seen) if isinstance(i, Match)}
    assert set(last_match) == set(graph)
    for n, instruction in enumerate(seen):
        assert set(graph[instruction.dref]) <= done
        assert dict(instruction.context) == {d: plan.chosen[d] for d in graph[instruction.dref]}
        if last_match[instruction.dref] == n:
            done.add(instruction.dref)
    builds = [i.dref for i in seen if isinstance(i, Realize)]
    assert sorted(builds) == sorted((set(graph) - built) | forced)


@given(st.integers(1, 40), st.integers(1, 30))
def test_SC4_builds_are_capped(wanted, cap):
    plan = Schedule({dref(0): ()}, max_attempts=cap)
    builds = 0
    while not plan.ended:
        instruction = plan.next()
        if isinstance(instruction, Realize):
            builds += 1
            plan.tell(Built(dref(0), rref(0, builds), fresh=True))
        else:
            plan.tell(Wants(dref(0), Need(wanted)))
    assert builds == cap
    assert "max_attempts" in plan.failures[dref(0)].what


def test_SC4_a_round_that_brings_nothing_new_ends_it():
    plan = Schedule({dref(0): ()})
    assert isinstance(plan.next(), Match)
    plan.tell(Wants(dref(0), Need(2), attempts=1, realizations=1))
    for _ in range(2):
        assert isinstance(plan.next(), Realize)
        plan.tell(Built(dref(0), rref(0), fresh=False))
    assert isinstance(plan.next(), Match)
    plan.tell(Wants(dref(0), Need(2), attempts=3, realizations=1))
    assert plan.ended
    assert isinstance(plan.failures[dref(0)], MatcherUnsatisfied)


def test_SC4_three_recorded_attempts_with_one_result_are_enough_to_know():
    plan = Schedule({dref(0): ()})
    plan.next()
    plan.tell(Wants(dref(0), Need(1), attempts=3, realizations=1))
    assert plan.ended
    assert plan.next() is None


def test_SC4_attempts_always_count_as_progress():
    plan = Schedule({dref(0): ()})
    plan.next()
    plan.tell(Wants(dref(0), Need(3, of="attempts"), attempts=3, realizations=1))
    for _ in range(3):
        assert isinstance(plan.next(), Realize)
        plan.tell(Built(dref(0), rref(0), fresh=False))
    assert isinstance(plan.next(), Match)


@pytest.mark.parametrize("need", [Need(2), Need(2, of="attempts")])
def test_SC4_a_round_of_nothing_but_what_was_rejected_ends_it(need):
    plan = Schedule({dref(0): ()})
    plan.next()
    plan.tell(Wants(dref(0), need))
    for _ in range(2):
        assert isinstance(plan.next(), Realize)
        plan.tell(Built(dref(0), rref(0), fresh=True, rejected="label leak"))
    assert isinstance(plan.next(), Match)
    plan.tell(Wants(dref(0), need))
    assert plan.ended
    error = plan.failures[dref(0)]
    assert "rejected" in error.what
    assert (error.rejected, error.reason) == (rref(0), "label leak")


def test_SC4_a_round_in_which_something_was_not_rejected_goes_on():
    plan = Schedule({dref(0): ()})
    plan.next()
    plan.tell(Wants(dref(0), Need(2)))
    for i in range(2):
        plan.next()
        plan.tell(Built(dref(0), rref(0, i), fresh=True, rejected="label leak" * i))
    plan.next()
    plan.tell(Wants(dref(0), Need(1), attempts=1, realizations=1))
    assert isinstance(plan.next(), Realize)


def test_SC5_after_a_failure_nothing_new_starts_and_siblings_may_finish():
    plan = Schedule({dref(0): (), dref(1): (), dref(2): (dref(0), dref(1))})
    first, second = plan.next(), plan.next()
    plan.tell(Wants(first.dref, Need(2)))
    running = plan.next()
    plan.tell(Failed(second.dref, ValueError("no")))
    assert plan.next() is None
    assert not plan.ended
    plan.tell(Built(running.dref, rref(0), fresh=True))
    assert plan.ended
    assert not plan.chosen
    assert list(plan.failures) == [second.dref]


@pytest.mark.parametrize("size", [1000])
def test_SC3_a_long_chain_needs_two_steps_a_derivation(size):
    graph = {dref(i): (dref(i - 1),) if i else () for i in range(size)}
    seen = drive(Schedule(graph), random.Random(0), {d: [RRef.of("0" * 32, d)] for d in graph})
    assert len(seen) == size
