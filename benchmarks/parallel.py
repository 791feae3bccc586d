"""Two workers beside the serial run: what they save where there is work, and cost where not.

Of Dask, a call that does nothing is the floor.
"""

import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from measure import Cost, Row, Sizes, cpu, program, ratio, rounds, told

_ATTEMPTS = 8
_LONG = 2.0  # [s] of such an attempt
_MOST = {"workers": 3.0, "dask": 2.5}  # [ms] a stage above the serial run


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures: of long stages, then of trivial ones."""
    fresh = count()

    def run(number: int, loops: int, how: str) -> Cost:
        return program("side_by_side", area / f"store-{next(fresh)}", number, loops, how)

    loops = _loops(_LONG if sizes.stages >= 1000 else _LONG / 20)
    serial, workers = rounds(
        min(3, sizes.runs),
        lambda: run(_ATTEMPTS, loops, "serial"),
        lambda: run(_ATTEMPTS, loops, "workers"),
    )
    times = ratio(serial, workers, _seconds)
    yield Row(
        f"{_ATTEMPTS} attempts of 2 CPU s, workers=2: times the serial rate",
        f"{times:.2f} ({told(workers, 'seconds'):.1f} s)",
        f"serial {told(serial, 'seconds'):.1f} s; CPU {cpu(serial):.1f} and {cpu(workers):.1f} s",
        ">= 1.8",
        times >= 1.8,
    )
    n = sizes.stages
    has_dask = find_spec("distributed") is not None
    hows = ["workers", *(["dask", "calls"] if has_dask else [])]
    trivial = [lambda how=how: run(n, 0, how) for how in ("serial", *hows)]
    serial, *others = rounds(sizes.runs, *trivial)
    costs = dict(zip(hows, others, strict=True))
    yield _overhead("workers", n, serial, costs["workers"])
    if has_dask:
        yield _overhead("dask", n, serial, costs["dask"], costs["calls"])
    else:
        yield Row(f"{n:,} trivial stages, Dask", "not measured", "distributed is not installed")


def _overhead(
    how: str, n: int, serial: list[Cost], costs: list[Cost], calls: list[Cost] | None = None
) -> Row:
    above = 1000 * (told(costs, "seconds") - told(serial, "seconds")) / n
    alone, ours = (1000 * told(all_, "seconds") / n for all_ in (serial, costs))
    more = 1000 * (cpu(costs) - cpu(serial)) / n
    bare = f"; a bare call {1000 * told(calls, 'seconds') / n:.1f} ms" if calls else ""
    return Row(
        f"{n:,} trivial stages, {how} with 2 processes: ms a stage above serial",
        f"{above:.1f} ({ours:.1f} ms a stage)",
        f"serial {alone:.1f} ms; {more:.1f} ms more of CPU{bare}",
        f"<= {_MOST[how]:g}",
        above <= _MOST[how],
    )


def _loops(seconds: float) -> int:
    """How many rounds of the arithmetic take so long here, of CPU time."""
    number, used = 100_000, 0.0
    while used < 0.2:
        number *= 2
        start, x = time.process_time(), 1
        for _ in range(number):
            x = x * 69069 % 65537 + 1
        used = time.process_time() - start
    return int(number * seconds / used)


def _seconds(cost: Cost) -> float:
    return float(cost.told["seconds"])
