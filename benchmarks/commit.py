"""Committing one large artifact, not synced, beside a bare BLAKE3 loop over the same file."""

from collections.abc import Iterator
from pathlib import Path

from measure import Cost, Row, Sizes, program, ratio, rounds, told


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figure: the rate, and the memory."""
    data = area / "data"
    program("make_data", data, sizes.artifact)
    program("hash_data", data)  # from now on it is in the page cache
    bare, ours = rounds(
        sizes.runs,
        lambda: program("hash_data", data),
        lambda: program("commit_data", area / "store", data),
    )
    rate = ratio(bare, ours, _seconds)
    gigabytes = sizes.artifact / 1e9
    size = f"{sizes.artifact / 2**20:,.0f} MiB"
    yield Row(
        f"commit of one file of {size}: rate, times the floor",
        f"{rate:.2f} ({gigabytes / told(ours, 'seconds'):.2f} GB/s)",
        f"bare BLAKE3 loop {gigabytes / told(bare, 'seconds'):.2f} GB/s",
        ">= 0.8",
        rate >= 0.8,
    )
    above, floor = told(ours, "above") / 1024, told(bare, "above") / 1024
    yield Row(
        "  the same: peak memory above the import, MiB",
        f"{above:.1f}",
        f"bare BLAKE3 loop {floor:.1f}",
        "<= 64",
        above <= 64,
    )


def _seconds(cost: Cost) -> float:
    return float(cost.told["seconds"])
