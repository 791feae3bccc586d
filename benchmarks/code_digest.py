"""The digest of a stage that uses 200 functions and as many constants of its project."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measure import Cost, Row, Sizes, program, rounds, settled, told

HELPERS = 200


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures."""
    caches = (area / f"cache-{number}" for number in itertools.count())

    def run(cache: Path) -> Cost:
        return program("digest_code", area, HELPERS, cache)

    kept = next(caches)
    settled(lambda: run(kept))
    first, again = rounds(sizes.short_runs, lambda: run(next(caches)), lambda: run(kept))
    for name, found in (("first time ever", first), ("in a further process", again)):
        once, parse = (told(found, name) * 1e3 for name in ("once", "parse"))
        times = median(cost.told["once"] / cost.told["parse"] for cost in found)
        yield Row(
            f"code of a stage with {HELPERS} helper functions, {name}: times the floor",
            f"{times:.2f} ({once:.1f} ms)",
            f"parsing alone {parse:.1f} ms",
            "<= 2 x",
            times <= 2,
        )
    yield Row("  its forms are kept when Python ends: ms", f"{told(first, 'keep') * 1e3:.1f}")
    inside = told(again, "again") * 1e3
    yield Row("  again in the process: ms", f"{inside:.3f}", "", "<= 0.1", inside <= 0.1)
