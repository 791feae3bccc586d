"""pystore du: how much room things take."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import click

from ...ask.inspection.usage import Usage, usage
from ...core.refs import DRef, RRef
from ...store.store import Store
from ..quantities import size
from .columns import columns
from .columns import ref as shown
from .command_context import CommandContext, as_json, report, with_command
from .ref import REFS

_BY = {"name": "name", "derivation": "dref", "realization": "rref"}


@click.command()
@click.argument("refs", type=REFS, required=False, metavar="[NAME|GLOB|REF]")
@click.option("--by", type=click.Choice([*_BY]), default="name", help="What a row is [name].")
@as_json
@with_command
def du(command: CommandContext, refs: Sequence[DRef | RRef] | None, by: str, as_json: bool) -> None:
    """Show how much room artifacts take, the largest last.

    SIZE counts every file, DISK each file on the disk once, whatever its names; of DISK, SHARED is
    what other realizations have too: the rest is what goes when the row goes.

    --json: objects with `name`, `dref` or `rref`, and `realizations`, `files`, `size`, `disk` and
    `shared` in bytes.
    """
    rrefs = _rrefs(command.store, refs)
    groups: dict[Hashable, list[RRef]] = {}
    for rref in rrefs:
        key = {"name": rref.name, "derivation": rref.dref, "realization": rref}[by]
        groups.setdefault(key, []).append(rref)
    found, total = usage(groups, command.store)
    rows = dict(sorted(found.items(), key=lambda item: (item[1].size, str(item[0]))))
    records = [{_BY[by]: key, **_record(row)} for key, row in rows.items()]
    report(records, lambda: _text(rows, total, by), as_json)


def _rrefs(store: Store, refs: Sequence[DRef | RRef] | None) -> list[RRef]:
    given = store.drefs() if refs is None else refs
    lists = ([ref] if isinstance(ref, RRef) else store.realizations(ref) for ref in given)
    return [rref for rrefs in lists for rref in rrefs]


def _record(row: Usage) -> dict[str, Any]:
    numbers = {name: getattr(row, name) for name in ("files", "size", "disk", "shared")}
    return {"realizations": len(row.rrefs), **numbers}


def _text(rows: Mapping[Hashable, Usage], total: Usage, by: str) -> str:
    header = ["size", "disk", "shared", "files", "realizations", by]
    cells = [_cells(row, key) for key, row in rows.items()]
    spare = ["files", "realizations", "shared", "disk"]
    return columns(header, [*cells, _cells(total, "in all")], right=header[:-1], spare=spare)


def _cells(row: Usage, key: Hashable) -> list[str]:
    label = shown(key) if isinstance(key, (DRef, RRef)) else str(key)
    counts = [f"{row.files:,}", f"{len(row.rrefs):,}"]
    return [size(row.size), size(row.disk), size(row.shared), *counts, label]
