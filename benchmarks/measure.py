"""Measuring children: what a fresh process costs, as medians, with bytecode cached.

CPU time is user and system of the whole process, by wait4(2). Peak memory is told by the child
itself (`VmHWM`): a parent's own pages would count into what wait4 says of its children.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Cost:
    """What one child used, and what it told."""

    cpu: float  # [s] user and system
    wall: float  # [s]
    told: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One figure beside its floor."""

    work: str
    ours: str
    beside: str = ""
    must: str = ""
    met: bool | None = None  # None: nothing was asked


@dataclass(frozen=True)
class Sizes:
    """How much of each."""

    stages: int = 1000
    growth: tuple[int, int] = (300, 3000)
    graphs: tuple[int, int] = (1000, 10_000)
    large_graphs: tuple[int, int] = (10_000, 100_000)
    realizations: int = 1000
    equals: int = 100  # realizations with one file
    artifact: int = 2**30  # [bytes]
    runs: int = 5  # of what takes seconds
    short_runs: int = 15  # of what takes a fraction of one
    transfer: int = 200_000_000  # [bytes]
    files: int = 10_000
    seconds: float = 3.0  # of asking a service


QUICK = Sizes(50, (30, 100), (200, 400), (200, 2000), 50, 5, 2**26, 1, 3, 20_000_000, 200, 0.6)

Figure = Callable[[Sizes, Path], Iterator[Row]]


def program(name: str, *arguments: object) -> Cost:
    """The cost of one run of a program of `benchmarks/programs`."""
    return _child(str(HERE / "programs" / f"{name}.py"), *map(str, arguments))


def code(text: str) -> Cost:
    """The cost of `python -c text`."""
    return _child("-c", text)


def command(*arguments: object) -> Cost:
    """The cost of one run of `pystore`, whose output is read and dropped."""
    return _child("-m", "pystore", *map(str, arguments), tells=False)


def _child(*arguments: str, tells: bool = True) -> Cost:
    # What a user has: compiled modules, and no option that changes what Python does.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as stream:
        output = stream.read()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, arguments)
    return Cost(used.ru_utime + used.ru_stime, wall, json.loads(output) if output and tells else {})


def settled(run: Callable[[], Cost]) -> None:
    """Runs a program until it has nothing to build, and has noted what it chose."""
    for _ in range(3):
        run()


def rounds(count: int, *runs: Callable[[], Cost]) -> list[list[Cost]]:
    """The costs of each of `runs`, in `count` rounds: all of them see the same weather."""
    costs = [[run() for run in runs] for _ in range(count)]
    return [list(column) for column in zip(*costs, strict=True)]


def cpu(costs: list[Cost]) -> float:
    """The median CPU time [s]."""
    return statistics.median(cost.cpu for cost in costs)


def wall(costs: list[Cost]) -> float:
    """The median wall time [s]."""
    return statistics.median(cost.wall for cost in costs)


def told(costs: list[Cost], name: str) -> float:
    """The median of what the children told under `name`."""
    return float(statistics.median(cost.told[name] for cost in costs))


def ratio(costs: list[Cost], floors: list[Cost], value: Callable[[Cost], float]) -> float:
    """The median of the ratios, round by round."""
    pairs = zip(costs, floors, strict=True)
    return statistics.median(value(cost) / value(floor) for cost, floor in pairs)


def exponent(sizes: tuple[int, int], values: tuple[float, float]) -> float:
    """The power of its size with which a value grows."""
    return math.log(values[1] / values[0]) / math.log(sizes[1] / sizes[0])
