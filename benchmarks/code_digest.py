"""The digest of a stage that uses 200 functions and as many constants of its project."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measure import Row, Sizes, program, rounds, told

HELPERS = 200


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figure."""
    [found] = rounds(sizes.short_runs, lambda: program("digest_code", area, HELPERS))
    once, again, parse = (told(found, name) * 1e3 for name in ("once", "again", "parse"))
    times = median(cost.told["once"] / cost.told["parse"] for cost in found)
    yield Row(
        f"a stage with {HELPERS} helper functions, digest of its code once: times the floor",
        f"{times:.2f} ({once:.1f} ms)",
        f"parsing alone {parse:.1f} ms",
        "<= 2 x",
        times <= 2,
    )
    yield Row("  again in the process: ms", f"{again:.3f}", "", "<= 0.1", again <= 0.1)
