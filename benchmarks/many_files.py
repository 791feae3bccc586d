"""Pulling many small files from a folder, beside copying them with one sync at the end."""

from collections.abc import Iterator
from pathlib import Path

from measure import Cost, Row, Sizes, program, rounds, told


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures of pull and push."""
    n = 6 * sizes.files
    place = area / "files"

    def pull() -> Cost:
        place.mkdir()
        return program("pull_files", place, n)

    (costs,) = rounds(min(3, sizes.runs), pull)
    for work in ("pull", "push"):
        times = told(costs, work) / told(costs, "copy")
        yield Row(
            f"{work} of {n:,} files of 1 KB, a folder: times the floor",
            f"{times:.2f} ({told(costs, work):.1f} s)",
            f"copying them, and one syncfs {told(costs, 'copy'):.1f} s",
            "<= 4",
            times <= 4,
        )
