"""How many fsyncs one small stage costs.

One syncfs stands for six of them where the system allows it and others have written little.
"""

from collections.abc import Iterator
from pathlib import Path

from measure import Row, Sizes, program


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figure, by the part that makes them."""
    counts = program("count_syncs", area / "store").told
    for work, part in (("the commit alone", "commit"), ("realize as a whole", "realize")):
        number, syncfs = counts[part]
        beside = f"{syncfs} of them a syncfs" if syncfs else "no syncfs"
        yield Row(f"fsyncs of a one-file stage, {work}", str(number), beside, "<= 8", number <= 8)
    yield Row("  and of instantiate, which records its config", str(counts["instantiate"][0]))
