"""Verifying a store of small realizations, beside reading all its files bare."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measure import Row, Sizes, program, rounds, told


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figure."""
    n = 10 * sizes.realizations
    program("many", area / "store", n)
    (costs,) = rounds(sizes.runs, lambda: program("verify_all", area / "store"))
    times = median(cost.told["verify"] / cost.told["read"] for cost in costs)
    yield Row(
        f"verify of {n:,} realizations: times the floor",
        f"{times:.2f} ({told(costs, 'verify'):.2f} s)",
        f"reading all bytes bare {told(costs, 'read'):.2f} s",
        "<= 2 x",
        times <= 2,
    )
