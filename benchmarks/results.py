"""A table of the attempts of a family, and its summary."""

from collections.abc import Iterator
from pathlib import Path

from measure import Row, Sizes, program


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figure."""
    n = sizes.realizations
    found = program("results", area / "store", n).told
    yield Row(
        f"{n:,} attempts, results: CPU ms",
        f"{found['results'] * 1e3:.1f}",
        f"reading {n:,} small files bare {found['read'] * 1e3:.1f}",
        "<= 50",
        found["results"] <= 0.050,
    )
    yield Row("  the same with its summary, printed: CPU ms", f"{found['show'] * 1e3:.1f}")
    yield Row("  the same, the first time in a process: CPU ms", f"{found['first'] * 1e3:.1f}")
