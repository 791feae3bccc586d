"""pystore du: the bytes that realizations take on the disk."""

from collections.abc import Sequence

import click

from ...ask.inspection.usage import By, Usage, usage
from ...core.refs import DRef, RRef
from ..quantities import size
from .columns import columns
from .columns import ref as shortened
from .command_context import CommandContext, as_json, report, with_command
from .ref import REFS

_BY = ("name", "derivation", "realization")


@click.command()
@click.argument("refs", type=REFS, required=False, metavar="[NAME|GLOB|REF]")
@click.option("--by", type=click.Choice(_BY), default="name", help="What a row is [name].")
@as_json
@with_command
def du(command: CommandContext, refs: Sequence[DRef | RRef] | None, by: By, as_json: bool) -> None:
    """Show how much room artifacts take, the largest last.

    SIZE counts every file, DISK each file on the disk once, whatever its names; of DISK, SHARED is
    what other realizations have too: the rest is what goes when the row goes. FAILED is what failed
    attempts have left, beside all these: `pystore commit` makes results of it, `gc` removes it.

    --json: objects with `name`, `dref` or `rref`, and `realizations`, `files`, `size`, `disk`,
    `shared` and `failed` in bytes.
    """
    store = command.store
    given = store.drefs() if refs is None else refs
    rows, total = usage(given, by, store)
    report(rows, lambda: _table(rows, total, by), as_json)


def _table(rows: Sequence[Usage], total: Usage, by: By) -> str:
    failed = ["failed"] if total.failed else []
    header = ["size", "disk", "shared", *failed, "files", "realizations", by]
    cells = [_cells(row, [size(row.failed)] if failed else []) for row in (*rows, total)]
    spare = ["files", "realizations", "shared", "disk"]
    return columns(header, cells, right=header[:-1], spare=spare)


def _cells(row: Usage, failed: list[str]) -> list[str]:
    label = shortened(row.of) if isinstance(row.of, (DRef, RRef)) else row.of or "in all"
    counts = [f"{row.files:,}", f"{len(row.rrefs):,}"]
    return [size(row.size), size(row.disk), size(row.shared), *failed, *counts, label]
