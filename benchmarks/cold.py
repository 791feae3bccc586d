"""A chain of trivial stages built from nothing, beside the same writes made by a bare loop.

The floor is what our own run did to the disk, replayed: every directory and file made, every sync
and every rename, in their order, without locks and without anything read or computed.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from measure import Cost, Row, Sizes, cpu, exponent, program, ratio, rounds, wall


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figure, then how it grows."""
    yield _beside_the_floor(sizes, area)
    yield from _growth(sizes, area)


def _beside_the_floor(sizes: Sizes, area: Path) -> Row:
    n, fresh = sizes.stages, count()
    writes = area / "writes.json"
    counts = program("record_writes", area / "recorded", n, writes).told

    def ours() -> Cost:
        return program("chain", area / f"store-{next(fresh)}", n, "durable")

    def floor() -> Cost:
        return program("replay_writes", area / f"floor-{next(fresh)}", writes)

    chain, bare = rounds(sizes.runs, ours, floor)
    # Of the floor the loop alone, of ours the whole process.
    times = ratio(chain, bare, lambda cost: cost.told.get("loop", cost.wall))
    each = ", ".join(f"{counts[kind] / n:.1f} {kind}s" for kind in counts)
    loop = sorted(cost.told["loop"] for cost in bare)[len(bare) // 2]
    return Row(
        f"chain of {n:,} stages, cold: wall time, times the floor",
        f"{times:.2f} ({wall(chain):.1f} s)",
        f"bare loop {loop:.1f} s; a stage: {each}",
        "<= 1.5",
        times <= 1.5,
    )


def _growth(sizes: Sizes, area: Path) -> Iterator[Row]:
    fresh = count()

    def chain(n: int) -> Cost:
        return program("chain", area / f"grown-{next(fresh)}", n, "sloppy")

    few, many = sizes.growth
    less, more = rounds(max(3, sizes.runs), lambda: chain(few), lambda: chain(many))
    seconds = (cpu(less), cpu(more))
    sizes_on_disk = (less[0].told["bytes"], more[0].told["bytes"])
    for what, (small, large), unit in (
        ("CPU time", seconds, "{:.2f} s"),
        ("bytes on disk", sizes_on_disk, "{:,} B"),
    ):
        power = exponent(sizes.growth, (small, large))
        yield Row(
            f"  growth of {what}, {few:,} to {many:,} stages: exponent",
            f"{power:.2f}",
            f"{unit.format(small)} to {unit.format(large)}",
            "<= 1.1",
            power <= 1.1,
        )
