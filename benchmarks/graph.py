"""A wide and deep graph with nothing to do: planned, and realized, in a fresh process."""

from collections.abc import Iterator
from pathlib import Path

from measure import Cost, Row, Sizes, code, cpu, exponent, program, rounds, told
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


def _run(area: Path, stages: int, verb: str) -> Cost:
    return program("graph", area / f"graph-{stages}", WIDE, stages // WIDE, verb)


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
