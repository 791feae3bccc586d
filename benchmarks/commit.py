"""Committing one large artifact beside a bare BLAKE3 loop, and many small files beside one sync.

The large artifact is not synced. The floor of the small files is to write them, and one syncfs(2).
"""

from collections.abc import Iterator
from pathlib import Path

from measure import Cost, Row, Sizes, program, ratio, rounds, told


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures of the large artifact, and those of the small files."""
    yield from _large(sizes, area)
    yield from _small(sizes, area)


def _large(sizes: Sizes, area: Path) -> Iterator[Row]:
    data = area / "data"
    program("make_data", data, sizes.artifact)
    program("hash_data", data)  # from now on it is in the page cache
    bare, threads, ours = rounds(
        sizes.runs,
        lambda: program("hash_data", data),
        lambda: program("hash_data", data, "threads"),
        lambda: program("commit_data", area / "store", data),
    )
    rate = ratio(threads, ours, _seconds)
    gigabytes = sizes.artifact / 1e9
    size = f"{sizes.artifact / 2**20:,.0f} MiB"
    yield Row(
        f"commit of one file of {size}: rate, times the floor",
        f"{rate:.2f} ({gigabytes / told(ours, 'seconds'):.2f} GB/s)",
        f"bare BLAKE3 loop, all cores {gigabytes / told(threads, 'seconds'):.2f} GB/s, "
        f"one {gigabytes / told(bare, 'seconds'):.2f} GB/s",
        ">= 0.8",
        rate >= 0.8,
    )
    above, floor = told(ours, "above") / 1024, told(bare, "above") / 1024
    yield Row(
        "  the same: peak memory above the import, MiB",
        f"{above:.1f}",
        f"bare BLAKE3 loop {floor:.1f}",
        "<= 32",
        above <= 32,
    )


def _small(sizes: Sizes, area: Path) -> Iterator[Row]:
    n = 2 * sizes.files
    floor, each, durable, sloppy = rounds(
        sizes.runs,
        lambda: program("small_files", area / "floor", n, "syncfs"),
        lambda: program("small_files", area / "floor", n, "fsyncs"),
        lambda: program("commit_files", area / "files", n, "durable"),
        lambda: program("commit_files", area / "files", n, "sloppy"),
    )
    times = ratio(durable, floor, _seconds)
    yield Row(
        f"commit of {n:,} files of 1 KB, durable: times the floor",
        f"{times:.2f} ({told(durable, 'seconds'):.2f} s)",
        f"one syncfs {told(floor, 'seconds'):.2f} s, fsyncs {told(each, 'seconds'):.2f} s",
        "<= 4",
        times <= 4,
    )
    yield Row("  the same, not durable", f"{told(sloppy, 'seconds'):.2f} s")


def _seconds(cost: Cost) -> float:
    return float(cost.told["seconds"])
