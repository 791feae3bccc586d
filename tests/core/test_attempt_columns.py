"""Attempts in columns say what the attempts say."""

from pystore.core.attempt import Attempt
from pystore.core.attempt_columns import AttemptColumns
from pystore.core.refs import DRef, RRef

DREF = DRef(f"dref:{'0' * 32}-x")


def attempt(number: int, **more) -> Attempt:
    facts = {
        "id": f"{number:032x}", "dref": DREF, "context": "c" * 32, "number": number,
        "outcome": "succeeded", "rref": RRef.of("a" * 32, DREF), "error": None, "seed": 7,
        "start": 100 + number, "stop": 200, "host": "gpu1", "pid": 1, "realizer": "f",
        "source": "", "versions": {}, "metrics": {}, "notes": {},
    }  # fmt: skip
    return Attempt(**{**facts, **more})


def test_AQ1_outlines_are_the_attempts_in_the_order_of_their_starts():
    tries = [
        attempt(1, metrics={"acc": 0.5, "n": 3}, notes={"adopted": True}),
        attempt(0, rref=None, outcome="failed"),
        attempt(2, metrics={"acc": 0.25}, notes={"adopted": True, "accepted": True}),
    ]
    columns = AttemptColumns.of(DREF, tries)
    assert [*columns.outlines()] == [tries[1], tries[0], tries[2]]
    assert columns.metric("acc") == [None, 0.5, 0.25]
    assert columns.metric("none") == [None] * 3
    assert columns.rref(0) is None
    assert [*map(columns.order, range(3))] == sorted(one.order for one in tries)


def test_AQ1_a_number_that_no_float_is_near_is_not_missing():
    columns = AttemptColumns.of(DREF, [attempt(0, metrics={"n": 10**400})])
    assert columns.metric("n") == [float("inf")]


def test_AQ1_the_time_in_which_an_attempt_was_dead_is_told_apart():
    hour = 3600 * 10**9
    times = {"start": 0, "stop": 3 * hour}
    tries = [
        attempt(0, **times, notes={"dead": hour, "adopted": True}),
        attempt(1, **times, notes={"dead": "long"}),
        attempt(2, **times),
    ]
    columns = AttemptColumns.of(DREF, tries)
    again = AttemptColumns.of(DREF, columns.outlines(), outlines=True)
    for found in (columns, again):
        assert [*found.seconds] == [one.duration for one in tries] == [7200.0, 10800.0, 10800.0]
        assert [one.dead for one in found.outlines()] == [3600.0, 0.0, 0.0]
    assert [*AttemptColumns.of(DREF, ()).seconds] == []
