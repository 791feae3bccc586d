"""A wide and deep graph with nothing to do: planned, and realized, in a fresh process.

The stores of the large graphs are written file by file: to build them would take an hour.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from measure import Cost, Row, Sizes, code, cpu, exponent, program, ratio, rounds, told
from warm import PEAK

WIDE = 100  # stages in a layer, each of which needs two of the layer before


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures."""
    small, large = sizes.graphs
    for stages in (small, large):
        _run(area, stages, "realize")
    runs = [
        lambda: code(PEAK),
        lambda: _run(area, large, "plan"),
        lambda: _run(area, large, "realize"),
        lambda: _run(area, small, "plan"),
    ]
    floor, planned, realized, fewer = rounds(sizes.runs, *runs)
    for verb, costs in (("plan", planned), ("realize", realized)):
        yield Row(
            f"graph of {large:,} stages, nothing to do, {verb}: CPU s",
            f"{cpu(costs):.2f}",
            f"bare Python {cpu(floor):.2f}",
            "<= 2",
            cpu(costs) <= 2,
        )
        peak, bare = (told(some, "peak") * 1024 / 1e6 for some in (costs, floor))
        yield Row(
            "  the same: peak memory, MB", f"{peak:.0f}", f"bare Python {bare:.0f}", "<= 120",
            peak <= 120,
        )  # fmt: skip
    yield _growth((small, large), fewer, planned)
    yield from _large(sizes, area)


def _run(area: Path, stages: int, verb: str) -> Cost:
    return program("graph", area / f"graph-{stages}", WIDE, stages // WIDE, verb)


def _large(sizes: Sizes, area: Path) -> Iterator[Row]:
    few, many = sizes.large_graphs
    wide = few // 10
    for stages in (few, many):
        program("make_graph", area / f"wide-{stages}", wide, stages // wide)
        program("graph", area / f"wide-{stages}", wide, stages // wide, "realize")

    def run(stages: int, verb: str) -> Cost:
        return program("graph", area / f"wide-{stages}", wide, stages // wide, verb)

    for verb in ("plan", "realize"):
        less, more = rounds(
            min(3, sizes.runs), partial(run, few, verb), partial(run, many, verb)
        )  # fmt: skip
        times = ratio(more, less, _cpu)
        yield Row(
            f"graph of {many:,} stages, {wide:,} wide, nothing to do, {verb}: CPU, times "
            f"that of {few:,}",
            f"{times:.1f} ({cpu(more):.1f} s)",
            f"{few:,} stages {cpu(less):.2f} s",
            f"<= {many // few} x",
            times <= many / few,
        )
        peak = told(more, "peak") * 1024 / 1e6
        yield Row("  the same: peak memory, MB", f"{peak:.0f}", "", "<= 300", peak <= 300)


def _cpu(cost: Cost) -> float:
    return cost.cpu


def _growth(sizes: tuple[int, int], few: list[Cost], many: list[Cost]) -> Row:
    times = told(few, "seconds"), told(many, "seconds")
    grows = exponent(sizes, times)
    return Row(
        f"  planning {sizes[0]:,} and {sizes[1]:,}: growth with the number of stages",
        f"n^{grows:.2f}",
        f"{times[0] * 1e3:.0f} ms, {times[1] * 1e3:.0f} ms",
        "<= n^1.1",
        grows <= 1.1,
    )
