"""Many realizations of one derivation, and how long a match takes: `match.py STORE NUMBER`."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import telling
from many_realizations import METRIC, derivation

from pystore import Context, Store, compact, match_best, realize_many

TIMES = 11
DAY = 24 * 3600 * 10**9  # [ns]


def seconds(function: Callable[[], object]) -> float:
    """The CPU time of a call [s]; the files are in the page cache: there is nothing to wait for."""
    start = time.process_time()
    function()
    return time.process_time() - start


store, number = Store(sys.argv[1], durable=False), int(sys.argv[2])
many = derivation(number)
realize_many(many, store=store, max_attempts=number)

best = match_best(METRIC)


def match() -> None:
    """What realize does for a derivation that needs no build."""
    best.select(store.candidates(many.dref, Context(), best.reads))


folder = Path(store.parts.layout.attempts(many.dref))
records = sorted(str(path) for path in folder.glob("*.json"))
assert len(records) == number


def read() -> None:
    """The floor: the same small files, read and dropped."""
    for record in records:
        with open(record, "rb") as stream:  # noqa: PTH123  # the floor goes without pathlib
            stream.read()


def median(function: Callable[[], object]) -> float:
    """The median CPU time of a call [s]."""
    return statistics.median(seconds(function) for _ in range(TIMES))


first, loose, floor = seconds(match), median(match), median(read)
compact(Store(sys.argv[1], durable=False, clock=lambda: time.time_ns() + 2 * DAY))
telling.tell(first=first, match=loose, read=floor, packed=median(match))
