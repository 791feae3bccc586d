"""Sweeps: the n-th file-system call is the last, or fails, for every n (S1 to S4, S6)."""

import time
from collections import Counter

import pytest
from extent import LONG
from figures import figure
from mutants import FOUND_BY
from scenarios import SCENARIOS

# At each call there are 16 faults, 17 where it writes: every eleventh goes through all kinds.
STRIDE = 1 if LONG else 11

pytestmark = [pytest.mark.alone, pytest.mark.timeout(1800)]  # a sweep is many tests


def _total(reports, key):
    return sum((Counter(report["outcomes"]) for report in reports), Counter())[key]


def _problems(reports):
    return [problem for report in reports for problem in report["problems"]]


def _longest_first(sweep, stride=1):
    order = ["fetch", "download", "realize", "rebuild same", "gc", "rebuild other"]
    names = sorted(SCENARIOS, key=lambda name: [*order, name].index(name))
    return [{"scenario": name, "sweep": sweep, "part": (0, stride)} for name in names]


def test_DK2_everything_is_synced_before_it_is_promised(serve):
    reports = serve(_longest_first("audit"))
    assert _problems(reports) == []
    calls = sum(report["calls"] for report in reports)
    figure(
        "order of fsyncs, audited",
        "every file, directory and parent in time",
        f"{calls} calls of {len(reports)} scenarios: 0 out of order",
    )


def test_S4_a_kill_at_any_call_leaves_the_old_state_or_the_new(serve):
    start = time.monotonic()
    reports = serve(_longest_first("kill"))
    killed, seconds = _total(reports, "killed"), time.monotonic() - start
    assert _problems(reports) == []
    assert killed >= 1000
    figure(
        "kill -9 before, between and in the middle of all calls",
        "≥ 1,000 points: 0 corrupt, lost, needing a hand, litter",
        f"{killed:,} points of {len(reports)} scenarios in {seconds:.0f} s: 0, 0, 0, 0",
    )


def test_S6_an_error_of_any_call_surfaces_and_leaves_the_store_whole(serve):
    start = time.monotonic()
    reports = serve(_longest_first("errno", STRIDE))
    points, seconds = sum(report["points"] for report in reports), time.monotonic() - start
    assert _problems(reports) == []
    assert points >= 1500
    surfaced, succeeded = _total(reports, "surfaced"), _total(reports, "succeeded")
    figure(
        "8 errnos once and for ever, and short writes",
        "≥ 1,500 points: same errno or success; 0 corrupt, litter",
        f"{points:,} points in {seconds:.0f} s: {surfaced:,} surfaced, {succeeded:,} succeeded",
    )


SWEPT = {name: where for name, where in FOUND_BY.items() if where[0] in SCENARIOS}


@pytest.fixture(scope="module")
def found(serve):
    orders = [
        {"scenario": scenario, "sweep": sweep, "mutant": name, "stop": True}
        for name, (scenario, sweep) in SWEPT.items()
    ]
    reports = dict(zip(SWEPT, serve(orders), strict=True))
    hits = sum(bool(report["problems"]) for report in reports.values())
    figure("bugs planted in the store, for the sweeps", "all found", f"{hits} of {len(SWEPT)}")
    return reports


@pytest.mark.parametrize("mutant", SWEPT)
def test_the_sweeps_find(mutant, found):
    assert found[mutant]["problems"] != []
