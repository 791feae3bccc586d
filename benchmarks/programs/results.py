"""Many attempts of a family, and how long a table of them takes: `results.py STORE NUMBER`."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import telling

from pystore import Build, Derivation, Store, build_outpath, build_seed, match_some, realize_many
from pystore.ask.experiments.results import results

METRIC = "accuracy.txt"
CONFIGS = 10
TIMES = 11


def build(b: Build) -> None:
    """Writes a number that differs every time."""
    (build_outpath(b) / METRIC).write_text(f"{build_seed(b) / 2**32}\n")


def seconds(function: Callable[[], object]) -> float:
    """The CPU time that a call takes [s]."""
    start = time.process_time()
    function()
    return time.process_time() - start


store, number = Store(sys.argv[1], durable=False), int(sys.argv[2])
each = match_some(number // CONFIGS)
family = [Derivation({"name": "many", "rate": i / 10}, each, build) for i in range(CONFIGS)]
realize_many(family, store=store, max_attempts=number)

folders = [Path(store.parts.layout.attempts(one.dref)) for one in family]
records = sorted(str(path) for folder in folders for path in folder.glob("*.json"))
assert len(records) == number // CONFIGS * CONFIGS


def show() -> None:
    """What a user does to see them: the table, the summary, and both as text."""
    found = results("many", metrics=[METRIC], store=store)
    str(found)
    str(found.summary())


def read() -> None:
    """The floor: the same small files, read and dropped."""
    for record in records:
        with open(record, "rb") as stream:  # noqa: PTH123  # the floor goes without pathlib
            stream.read()


first = seconds(show)
telling.tell(
    first=first,
    results=statistics.median(
        seconds(lambda: results("many", metrics=[METRIC], store=store)) for _ in range(TIMES)
    ),
    show=statistics.median(seconds(show) for _ in range(TIMES)),
    read=statistics.median(seconds(read) for _ in range(TIMES)),
)
