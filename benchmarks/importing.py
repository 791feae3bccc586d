"""`import pystore`: CPU time above bare Python, and what it pulls in."""

from collections.abc import Iterator
from pathlib import Path

from measure import Row, Sizes, code, cpu, rounds

HEAVY = ("numpy", "requests", "filelock", "tensorflow")
ASK = (
    "import json, sys, pystore; "
    f"print(json.dumps({{'heavy': [n for n in {HEAVY} if n in sys.modules]}}))"
)


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figure."""
    heavy = code(ASK).told["heavy"]  # the first import also compiles
    bare, ours = rounds(sizes.short_runs, lambda: code("pass"), lambda: code("import pystore"))
    above = cpu(ours) - cpu(bare)
    yield Row(
        "import pystore: CPU s above bare Python",
        f"{above:.3f}",
        f"bare Python {cpu(bare):.3f}",
        "<= 0.08",
        above <= 0.08,
    )
    yield Row(
        f"import pystore: of {', '.join(HEAVY)}",
        ", ".join(heavy) or "none",
        "",
        "none",
        not heavy,
    )
