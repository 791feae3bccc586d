"""The command line: `pystore --help`, and looking into a store with many realizations."""

from collections.abc import Iterator
from pathlib import Path

from measure import Row, Sizes, code, command, cpu, program, rounds, wall

_WALK = """
import os
for folder in os.scandir({drv!r}):
    os.listdir(folder)
"""


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures."""
    root = area / "store"
    count = int(program("many", root, 10 * sizes.realizations).told["realizations"])
    command("--help")  # the first run also compiles
    bare, walked, helped, listed = rounds(
        sizes.short_runs,
        lambda: code("pass"),
        lambda: code(_WALK.format(drv=str(root / "drv"))),
        lambda: command("--help"),
        lambda: command("--store", root, "ls"),
    )
    yield Row(
        "pystore --help: CPU s",
        f"{cpu(helped):.3f}",
        f"bare Python {cpu(bare):.3f}",
        "<= 0.2",
        cpu(helped) <= 0.2,
    )
    yield Row(
        f"pystore ls, {count:,} realizations: wall s",
        f"{wall(listed):.3f}",
        f"os.listdir of all of them {wall(walked):.3f}",
        "<= 0.5",
        wall(listed) <= 0.5,
    )
    for line in ("log", "cat many@latest accuracy.txt", "du", "metrics many"):
        costs = [command("--store", root, *line.split()) for _ in range(sizes.runs)]
        yield Row(f"  the same store, pystore {line}: wall s", f"{wall(costs):.3f}")
