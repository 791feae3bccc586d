"""pystore find: artifacts by name and age."""

from collections.abc import Sequence

import click

from ...ask.inspection.artifacts import FoundArtifact, search
from ...ask.inspection.moment import moment
from ...ask.inspection.short_refs import find_refs
from ...core.errors import NotInStore
from ...core.options import Scope
from ...core.printable import when
from ...core.refs import DRef, RRef
from ...store.store import Store
from .artifact_text import name_of, size_or_kind
from .columns import columns
from .columns import ref as shortened
from .command_context import CommandContext, as_json, report, with_command
from .ref import RefType, complete


def _where(text: str, code: Scope, store: Store) -> Sequence[DRef | RRef]:
    try:
        return find_refs(text, code=code, store=store)
    except NotInStore as error:
        error.remedy += "; an artifact is found by --name"
        raise


_WHERE = RefType(_where)


@click.command("find")
@click.argument("refs", type=_WHERE, required=False, metavar="[NAME|GLOB|REF]")
@click.option("--name", default="*", help="Only these, such as '*.h5' or 'plots/*.png'.")
@click.option(
    "--newer",
    metavar="TIME|REF",
    shell_complete=complete,
    help="Built after: 2026-11-21, '2026-11-21 08:30' (UTC), 3h, 2d, or the latest attempt of REF.",
)
@as_json
@with_command
def find_command(
    command: CommandContext,
    refs: Sequence[DRef | RRef] | None,
    name: str,
    newer: str | None,
    as_json: bool,
) -> None:
    """Find artifacts of all realizations, or of a name or REF.

    The oldest first. A file is sought with --name: pystore find --name '*.h5'.

    --json: objects as of `ls` of a realization, with `built` in nanoseconds since 1970, and `tags`.
    """
    store = command.store
    after = None if newer is None else moment(newer, store)
    found = list(search(store.drefs() if refs is None else refs, store, name=name, newer=after))
    report(found, lambda: _table(found), as_json)


def _table(found: Sequence[FoundArtifact]) -> str:
    if not found:
        return ""
    tagged = ["tags"] if any(one.tags for one in found) else []
    rows = [
        [shortened(f.rref), f.rref.name, when(f.built), *([" ".join(f.tags)] if tagged else []),
         size_or_kind(f.entry), name_of(f.entry)]
        for f in found
    ]  # fmt: skip
    header = ["realization", "name", "built", *tagged, "size", "artifact"]
    return columns(header, rows, right=["size"], spare=["built", "name", "tags", "size"])
