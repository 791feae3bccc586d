"""The figures, each beside its floor or a peer measured in the same run: `make bench`."""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import cli
import code_digest
import cold
import collections_in_databases
import commit
import exchange
import graph
import history
import importing
import many_files
import matching
import page
import parallel
import peers
import results
import serving
import sharing
import syncs
import verifying
import warm
import watching
from measure import QUICK, Figure, Row, Sizes

FIGURES: dict[str, Figure] = {
    "import": importing.rows,
    "warm": warm.rows,
    "peers": peers.rows,
    "watching": watching.rows,
    "graph": graph.rows,
    "match": matching.rows,
    "results": results.rows,
    "history": history.rows,
    "page": page.rows,
    "fsyncs": syncs.rows,
    "commit": commit.rows,
    "files": many_files.rows,
    "verify": verifying.rows,
    "cold": cold.rows,
    "sharing": sharing.rows,
    "code": code_digest.rows,
    "cli": cli.rows,
    "parallel": parallel.rows,
    "exchange": exchange.rows,
    "serving": serving.rows,
    "collections": collections_in_databases.rows,
}

HEADER = ("work", "pystore", "beside it", "must", "met")


def main() -> int:
    """Prints the table; 1 when a figure is not met."""
    options = _options()
    sizes = QUICK if options.quick else Sizes()
    if options.runs:
        sizes = replace(sizes, runs=options.runs, short_runs=options.runs)
    rows: list[Row] = []
    for name in options.figure or FIGURES:
        with tempfile.TemporaryDirectory(prefix="pystore-bench-", dir=options.dir) as area:
            rows += FIGURES[name](sizes, Path(area))
    print(table(ratios_first(rows)))
    return int(any(row.met is False for row in rows) and not options.quick)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", nargs="*", choices=[*FIGURES, []], help="only these figures")
    parser.add_argument("--quick", action="store_true", help="small sizes: do the programs work?")
    parser.add_argument("--runs", type=int, help="how often each is measured (medians are shown)")
    parser.add_argument("--dir", type=Path, help="where to write: a disk, with 3 GB of room")
    return parser.parse_args()


def ratios_first(rows: list[Row]) -> list[Row]:
    """The rows with those first that say as a ratio what they must be: it holds on any machine.

    A row whose work begins with a space stays below the one that it belongs to.
    """
    groups: list[list[Row]] = []
    for row in rows:
        if row.work.startswith(" ") and groups:
            groups[-1].append(row)
        else:
            groups.append([row])
    groups.sort(key=lambda group: not any(" x" in row.must for row in group))
    return [row for group in groups for row in group]


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    met = {True: "yes", False: "NO", None: ""}
    cells = [HEADER, *((r.work, r.ours, r.beside, r.must, met[r.met]) for r in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


if __name__ == "__main__":
    raise SystemExit(main())
