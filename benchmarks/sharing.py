"""Equal files in many realizations: what they take on disk, and what a commit costs."""

from collections.abc import Iterator
from pathlib import Path

from measure import Row, Sizes, program

FILE = 10**7  # [bytes]


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figure, then the time of a commit."""
    n = sizes.equals
    told = program("share_data", area / "store", n, FILE).told
    times, once = told["bytes"] / FILE, n * FILE
    yield Row(
        f"{n} realizations with the same 10 MB: bytes on disk, times one file",
        f"{times:.2f} ({told['bytes'] / 1e6:.1f} MB)",
        f"a copy in each {once / 1e6:,.0f} MB",
    )
    slower = told["seconds"] / told["bare"]
    yield Row(
        "  commit of a file that is there already, times the floor",
        f"{slower:.2f} ({told['seconds'] * 1e3:.1f} ms)",
        f"bare BLAKE3 of both files {told['bare'] * 1e3:.1f} ms",
    )
    yield Row(
        "  the same, synced",
        f"{told['linked'] * 1e3:.1f} ms",
        f"of a file that nothing equals {told['written'] * 1e3:.1f} ms",
    )
