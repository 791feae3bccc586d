from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import DRef, RRef
from pystore.core.progress import Running, Tally, after
from pystore.events import (
    Adopted,
    AttemptFailed,
    Event,
    Fetched,
    OtherInputs,
    Progress,
    Reused,
    SourceFailed,
    Started,
    Succeeded,
    Waiting,
)

A, B, C = (
    DRef(f"dref:{digit * 32}-{name}") for digit, name in (("0", "a"), ("1", "b"), ("2", "c"))
)


def rref(dref: DRef) -> RRef:
    return RRef(f"rref:{'f' * 32}-{dref[5:]}")


def started(dref: DRef, number: int = 0) -> Started:
    return Started(dref, number, 7, "/tmp/out", pid=42)


def succeeded(dref: DRef, number: int = 0) -> Succeeded:
    return Succeeded(dref, number, rref(dref), True, 1.5)


def replay(events: list[Event], total: int = 3) -> Tally:
    """The tally after a recording; the clock ticks once an event."""
    tally = Tally(total)
    for now, event in enumerate(events):
        tally = after(tally, event, float(now))
    return tally


def test_a_recording_is_replayed_to_what_it_came_to():
    tally = replay(
        [
            Reused(A, (rref(A),)),
            Waiting(B, "process 17 on elsewhere"),
            started(B),
            started(B, 1),
            Progress(B, 3, 10, "epochs", 1),
            succeeded(B),
            OtherInputs(C, 4),
        ]
    )
    assert (tally.total, tally.done, tally.reused) == (3, 1, 1)  # B is not done while one runs
    assert tally.succeeded == {(B, 0)}
    assert tally.waiting == {}
    (one,) = tally.running.values()
    assert (one.number, one.seed, one.since, one.done, one.unit) == (1, 7, 3.0, 3, "epochs")
    assert one.fraction == 0.3


def test_what_is_had_from_others_counts_as_done_once_and_not_as_reused():
    events = [Adopted(A, (rref(A),), 2), Reused(A, ()), Fetched(B, (rref(B),), "https://x", 9)]
    tally = replay([*events, Reused(B, ())])
    assert (tally.done, tally.reused, tally.adopted, tally.fetched) == (
        2,
        0,
        frozenset({A}),
        frozenset({B}),
    )


def test_a_derivation_of_which_an_attempt_failed_is_not_done():
    tally = replay([started(A), started(A, 1), AttemptFailed(A, 1, "no"), succeeded(A)])
    assert (tally.done, tally.failed, dict(tally.running)) == (0, frozenset({(A, 1)}), {})


def test_waiting_ends_with_a_build_or_with_what_the_other_process_built():
    waits: list[Event] = [Waiting(A, "process 17"), Waiting(B, "process 18")]
    assert replay(waits).waiting == {A: "process 17", B: "process 18"}
    assert replay([*waits, Reused(A, ())]).waiting == {B: "process 18"}
    assert replay([*waits, started(A)]).waiting == {B: "process 18"}
    assert replay([*waits, Adopted(A, (), 1)]).waiting == {B: "process 18"}


def test_what_comes_from_elsewhere_is_one_transfer_until_all_is_here():
    def comes(dref, done):
        return Progress(dref, done, 100, "bytes")

    tally = replay([comes(A, 0), comes(A, 40), comes(B, 60)])
    assert tally.transfer
    assert (tally.transfer.dref, tally.transfer.fraction) == (B, 0.6)
    assert tally.transfer.remaining(2.0) == pytest.approx(4 / 3)
    assert not tally.running
    assert after(tally, comes(B, 100)).transfer is None
    assert after(tally, SourceFailed(B, "s3://ours", "no route")).transfer is None
    assert after(tally, started(C)).transfer is None
    late = [started(A), succeeded(A), comes(A, 40)]
    assert replay(late).transfer is None


def test_what_is_tried_again_runs_again_and_has_not_failed():
    failed = AttemptFailed(A, 0, "no", again=True)
    tally = replay([started(A), failed, started(A)])
    assert list(tally.running) == [(A, 0)]
    ended = after(tally, succeeded(A))
    assert (ended.done, ended.failed) == (1, frozenset())


def test_what_was_pruned_has_not_failed():
    tally = replay([started(A), AttemptFailed(A, 0, "no more use", pruned=True)])
    assert (tally.pruned, tally.failed, tally.stopped) == ({(A, 0)}, frozenset(), frozenset())
    assert (tally.done, dict(tally.running)) == (0, {})


# --- properties ------------------------------------------------------------------------


@st.composite
def lives(draw: st.DrawFn) -> list[list[Event]]:
    """What some attempts send, each in its order."""
    keys = draw(st.sets(st.tuples(st.sampled_from([A, B, C]), st.integers(0, 3)), max_size=6))
    return [draw(life(*key)) for key in sorted(keys)]


@st.composite
def life(draw: st.DrawFn, dref: DRef, number: int) -> list[Event]:
    steps = draw(st.lists(st.integers(0, 9), max_size=4))
    ends: list[list[Event]] = [
        [succeeded(dref, number)],
        [AttemptFailed(dref, number, "no")],
        [AttemptFailed(dref, number, "Ctrl-C", stopped=True)],
        [AttemptFailed(dref, number, "no more use", pruned=True)],
        [],
    ]
    told = [Progress(dref, step, 10, "epochs", number) for step in steps]
    return [started(dref, number), *told, *draw(st.sampled_from(ends))]


@st.composite
def mingled(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """The same lives one after the other, and mingled."""
    all_lives = draw(lives())
    turns = draw(st.permutations([i for i, one in enumerate(all_lives) for _ in one]))
    rest = [iter(one) for one in all_lives]
    return [event for one in all_lives for event in one], [next(rest[i]) for i in turns]


def told(events: list[Event]) -> Tally:
    return reduce(after, events, Tally(3))


@given(mingled())
def test_PG1_how_attempts_mingle_makes_no_difference(both):
    assert told(both[0]) == told(both[1])


@given(mingled())
def test_PG2_what_ended_stays_ended(both):
    late = [event for event in both[1] if isinstance(event, (Started, Progress))]
    tally = told(both[1])
    again = told([*both[1], *late])
    assert not (tally.succeeded | tally.failed | tally.stopped) & again.running.keys()


@given(mingled(), st.data())
def test_PG3_an_event_heard_twice_counts_once(both, data):
    events = both[1]
    twice = [e for e in events for _ in range(data.draw(st.integers(1, 2)))]
    assert told(twice) == told(events)


@given(mingled())
def test_running_and_ended_are_those_that_started(both):
    tally = told(both[1])
    starts = {(e.dref, e.number) for e in both[1] if isinstance(e, Started)}
    assert {
        *tally.running,
        *tally.succeeded,
        *tally.failed,
        *tally.stopped,
        *tally.pruned,
    } == starts
    assert 0 <= tally.done <= 3


# --- how much longer -------------------------------------------------------------------


def running(*told: tuple[float, float], usual: float | None = None) -> Running:
    """An attempt that started at 0 and told (done of 100, when)."""
    one = Running(A, 0, 7, since=0.0, usual=usual)
    for done, at in told:
        one = one.told(Progress(A, done, 100, "steps"), at)
    return one


def test_its_own_rate_counts_from_when_it_began_to_tell():
    one = running((0, 30), (10, 31), (20, 32))  # 30 s went into preparing
    assert one.remaining(32) == pytest.approx(8)
    assert one.remaining(35) == pytest.approx(5)  # it has told nothing since
    assert one.remaining(99) == 0


def test_what_told_once_is_measured_from_its_start():
    assert running((50, 10)).remaining(10) == pytest.approx(10)


def test_earlier_attempts_say_how_long_where_it_does_not():
    assert running(usual=40).remaining(10) == 30
    assert running(usual=40).remaining(50) == 0
    assert running((0, 5), usual=40).remaining(10) == 30  # no rate yet
    assert running().remaining(10) is None


def test_counting_anew_begins_anew():
    one = running((0, 0), (100, 10), (0, 10), (50, 60))
    assert one.remaining(60) == pytest.approx(50)


@pytest.mark.parametrize("done, total, fraction", [(5, 0, None), (12, 10, 1.0), (-1, 10, 0.0)])
def test_odd_numbers_are_shown_within_bounds(done, total, fraction):
    one = Running(A, 0, 7, 0.0).told(Progress(A, done, total, ""), 1.0)
    assert one.fraction == fraction
    assert one.remaining(2.0) is None or one.remaining(2.0) >= 0


@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0, 100)), max_size=8), st.floats(0, 1e4))
def test_what_remains_is_never_negative(points, later):
    times = sorted(at for _, at in points)
    one = running(*((done, at) for (done, _), at in zip(points, times, strict=True)))
    left = one.remaining(later)
    assert left is None or left >= 0
