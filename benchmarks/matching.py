"""Choosing the best of many realizations of one derivation, beside reading as many small files."""

import statistics
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from measure import Row, Sizes, program, rounds, told

# what is matched → how much it may cost, beside reading the record of each attempt bare
_MUST = {"match": ("match_best", 1.3), "packed": ("match_best, records joined by compact", 0.3)}


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures."""
    n, fresh = sizes.realizations, count()
    (costs,) = rounds(3, lambda: program("match", area / f"store-{next(fresh)}", n))
    read = f"reading {n:,} small files bare {told(costs, 'read') * 1e3:.1f} ms"
    for name, (what, must) in _MUST.items():
        times = statistics.median(cost.told[name] / cost.told["read"] for cost in costs)
        yield Row(
            f"{n:,} realizations, {what}: CPU time, times the floor",
            f"{times:.2f} ({told(costs, name) * 1e3:.1f} ms)",
            read,
            f"<= {must}",
            times <= must,
        )
    first = f"{told(costs, 'first') * 1e3:.1f}"
    yield Row("  the same, the first match of a process: CPU ms", first)
