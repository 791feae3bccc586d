"""Schedule: reports in, instructions out."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import DRef, RRef
from pystore.core.schedule import Built, Chosen, Failed, Match, Realize, Round, Schedule


def dref(i: int) -> DRef:
    return DRef(f"dref:{i:032x}-n")


def rref(i: int, j: int = 0) -> RRef:
    return RRef.of(f"{j:032x}", dref(i))


@st.composite
def graphs(draw):
    size = draw(st.integers(1, 12))
    edges = [draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(size)]
    return {dref(i): tuple(sorted(dref(j) for j in needs)) for i, needs in enumerate(edges)}


def drive(schedule: Schedule, rng: random.Random, existing: dict, forced=()) -> list:
    """Answers instructions in any order, as an executor with many workers would."""
    seen, waiting, left = [], [], set(forced)
    while not schedule.ended:
        while (instruction := schedule.next()) is not None:
            waiting.append(instruction)
        instruction = waiting.pop(rng.randrange(len(waiting)))
        seen.append(instruction)
        have = existing.setdefault(instruction.dref, [])
        if isinstance(instruction, Realize):
            have.append(RRef.of(f"{len(have) + 1:032x}", instruction.dref))
            schedule.tell(Built(instruction.dref))
        elif have and instruction.dref not in left:
            schedule.tell(Chosen(instruction.dref, (have[-1],)))
        else:
            left.discard(instruction.dref)
            schedule.tell(Round(instruction.dref, (None,)))
    return seen


@given(graphs(), st.randoms(), st.data())
def test_SC1_SC2_inputs_are_chosen_first_and_choices_stand(graph, rng, data):
    built = data.draw(st.sets(st.sampled_from(sorted(graph))))
    forced = data.draw(st.sets(st.sampled_from(sorted(graph))))
    existing = {d: [RRef.of("0" * 32, d)] for d in built}
    schedule = Schedule(graph)
    seen = drive(schedule, rng, existing, forced)
    done: set[DRef] = set()
    contexts = {i.dref: i.context for i in seen}
    last_match = {i.dref: n for n, i in enumerate(seen) if isinstance(i, Match)}
    assert set(last_match) == set(graph)
    for n, instruction in enumerate(seen):
        assert set(graph[instruction.dref]) <= done
        chosen = {d: schedule.chosen[d] for d in graph[instruction.dref]}
        assert dict(instruction.context) == dict(contexts[instruction.dref]) == chosen
        if last_match[instruction.dref] == n:
            done.add(instruction.dref)
    builds = [i.dref for i in seen if isinstance(i, Realize)]
    assert sorted(builds) == sorted((set(graph) - built) | forced)


def test_SC4_a_derivation_is_matched_again_when_all_builds_of_its_round_have_ended():
    schedule = Schedule({dref(0): ()})
    assert isinstance(schedule.next(), Match)
    schedule.tell(Round(dref(0), (7, None)))
    assert [schedule.next().seed, schedule.next().seed] == [7, None]
    schedule.tell(Built(dref(0)))
    assert schedule.next() is None
    schedule.tell(Built(dref(0)))
    assert isinstance(schedule.next(), Match)


def test_SC4_a_round_of_builds_comes_before_what_has_not_begun():
    schedule = Schedule({dref(0): (), dref(1): ()})
    first = schedule.next()
    schedule.tell(Round(first.dref, (None,)))
    assert schedule.next() == Realize(first.dref, first.context)


def test_SC5_after_a_failure_nothing_new_starts_and_siblings_may_finish():
    schedule = Schedule({dref(0): (), dref(1): (), dref(2): (dref(0), dref(1))})
    first, second = schedule.next(), schedule.next()
    schedule.tell(Round(first.dref, (None, None)))
    running = schedule.next()
    schedule.tell(Failed(second.dref, ValueError("no")))
    assert schedule.next() is None
    assert not schedule.ended
    schedule.tell(Built(running.dref))
    assert schedule.ended
    assert not schedule.chosen
    assert list(schedule.failures) == [second.dref]


@pytest.mark.parametrize("size", [1000])
def test_SC3_a_long_chain_needs_two_steps_a_derivation(size):
    graph = {dref(i): (dref(i - 1),) if i else () for i in range(size)}
    seen = drive(Schedule(graph), random.Random(0), {d: [RRef.of("0" * 32, d)] for d in graph})
    assert len(seen) == size
