"""Predictions beside rows, on each database, beside Pixeltable."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from measure import HERE, Cost, Row, Sizes, code, cpu, program, ratio, rounds, told

sys.path.insert(0, str(HERE.parent / "tests" / "db"))
from servers import FreshDatabase, Server, running

_numbers = count()
INSERTS = 40


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures."""
    imported, bare = rounds(sizes.short_runs, lambda: code("import pystore.db; pystore.db.connect"),
                            lambda: code("import sqlalchemy"))  # fmt: skip
    yield Row(
        "import pystore.db and connect: CPU s",
        f"{cpu(imported):.2f}",
        f"sqlalchemy {cpu(bare):.2f}",
        "<= 0.6",
        cpu(imported) <= 0.6,
    )
    few, many = (1000, 100_000) if sizes.runs > 1 else (200, 2000)
    with ExitStack() as stack:
        server = stack.enter_context(running())
        for field, size in (("img", few), ("n", many)):
            yield from _beside(sizes, area, server, field, size)
        yield from _snapshots(sizes, area, server, many * 10)


def _beside(sizes: Sizes, area: Path, server: Server, field: str, size: int) -> Iterator[Row]:
    def sqlite() -> Cost:
        return _ours(area, f"sqlite:///{area}/{next(_numbers)}.db", field, size)

    def postgres() -> Cost:
        return _ours(area, _fresh(server), field, size)

    def pixeltable() -> Cost:
        return program("collection_pixeltable", area / f"px{next(_numbers)}", field, size, INSERTS)

    kinds = {"SQLite": sqlite, "PostgreSQL": postgres}
    has_peer = find_spec("pixeltable") is not None
    costs = rounds(sizes.runs, *kinds.values(), *([pixeltable] if has_peer else []))
    what = "pictures" if field == "img" else "numbers"
    for name, ours in zip(kinds, costs, strict=False):
        peer = costs[-1] if has_peer else None
        yield from _figures(name, f"{size:,} {what}", ours, peer, is_large=field == "n")


def _figures(
    name: str, what: str, ours: list[Cost], peer: list[Cost] | None, *, is_large: bool
) -> Iterator[Row]:
    most = 0.35 if is_large else 0.7
    least = (1.5 if name == "SQLite" else 2.0) if is_large else 1.0
    wait, p95 = told(ours, "median"), told(ours, "p95")
    waits = peer and ratio(ours, peer, lambda one: one.told["median"])
    rate = peer and ratio(ours, peer, lambda one: one.told["per_second"])
    yield Row(
        f"{name}, {what}: insert one, read its prediction elsewhere: ms, p95",
        f"{wait * 1e3:.1f}, {p95 * 1e3:.1f}",
        f"Pixeltable {told(peer, 'median') * 1e3:.1f}, {waits:.2f} x" if peer and waits else "",
        f"<= {most} x, p95 <= 3 x median",
        waits <= most and p95 <= 3 * wait if waits else None,
    )
    yield Row(
        f"{name}, {what}: predict all, rows/s",
        f"{told(ours, 'per_second'):,.0f}",
        f"Pixeltable {told(peer, 'per_second'):,.0f}, {rate:.2f} x" if peer and rate else "",
        f">= {least} x",
        rate >= least if rate else None,
    )
    page, lineage = told(ours, "page") * 1e3, told(ours, "lineage") * 1e3
    yield Row(
        f"{name}, {what}: a page of 50; a lineage: ms",
        f"{page:.1f}; {lineage:.1f}",
        "",
        "<= 5; <= 20",
        page <= 5 and lineage <= 20,
    )


def _ours(area: Path, url: str, field: str, size: int) -> Cost:
    return program("collection_ours", url, area / "store", field, size, INSERTS)


def _snapshots(sizes: Sizes, area: Path, server: Server, size: int) -> Iterator[Row]:
    roots = set()
    for name, url in (("SQLite", f"sqlite:///{area}/many.db"), ("PostgreSQL", _fresh(server))):
        program("collection_snapshot", url, area / "store", size)  # inserts the rows
        [costs] = rounds(
            sizes.runs, lambda url=url: program("collection_snapshot", url, area / "store", size)
        )
        roots |= {cost.told["root"] for cost in costs}
        used, memory = told(costs, "cpu"), told(costs, "memory")
        yield Row(
            f"{name}: a snapshot of {size:,} rows, named: CPU s, MB",
            f"{used:.2f}, {memory:.0f}",
            "",
            "<= 3, <= 400; the same name",
            used <= 3 and memory <= 400 and len(roots) == 1,
        )


def _fresh(server: Server) -> str:
    return FreshDatabase(server, f"bench_{next(_numbers)}").url
