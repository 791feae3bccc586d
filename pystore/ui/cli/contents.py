"""pystore cat, tree, path: what a realization holds, and where it is."""

import os
import shutil
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from ...ask.inspection.artifacts import artifact_path
from ...ask.inspection.lookup import rref2path
from ...core.manifest import Entry, encode_name
from ...core.refs import RRef
from ...store import disk
from ...store.store import Store
from ..quantities import size
from .artifact import artifact, artifact_record
from .columns import cut
from .command_context import CommandContext, as_json, report, with_command
from .ref import RREF, begun_so


def _artifacts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The files of the realization that was typed before."""
    rref = ctx.params.get("ref")
    return (
        begun_so(lambda: _names(rref, ctx.ensure_object(CommandContext).store), incomplete)
        if rref
        else []
    )


def _names(rref: RRef, store: Store) -> Iterator[str]:
    entries = store.manifest(rref).entries
    names = (os.fsdecode(entry.path) for entry in entries if entry.kind != "directory")
    return (name for name in names if name.isprintable())


@click.command()
@click.argument("ref", type=RREF)
@click.argument("path", shell_complete=_artifacts)
@as_json
@with_command
def cat(command: CommandContext, ref: RRef, path: str, as_json: bool) -> None:
    """Print an artifact, byte for byte. Of a derivation or a name, the latest realization's.

    Where PATH begins with a dash, write -- before it.

    --json: objects with `rref`, `path`, `size` and `text`, or `base64` where it is no UTF-8.
    """
    file = artifact_path(ref, path, command.store)
    if as_json:
        report([_content(ref, path, file)], str, as_json)
        return
    sys.stdout.flush()
    with disk.open_regular(file) as source:
        shutil.copyfileobj(source, sys.stdout.buffer)


def _content(rref: RRef, path: str, file: Path) -> dict[str, Any]:
    with disk.open_regular(file) as source:
        content = source.read()
    record = {"rref": rref, "path": encode_name(os.fsencode(path)), "size": len(content)}
    try:
        return {**record, "text": content.decode()}
    except UnicodeDecodeError:
        return {**record, "base64": b64encode(content).decode()}


@click.command()
@click.argument("refs", type=RREF, nargs=-1, required=True, metavar="REF...")
@as_json
@with_command
def path(command: CommandContext, refs: tuple[RRef, ...], as_json: bool) -> None:
    """Print where the artifacts are: `cd $(pystore path mnist)`. Leave them as they are.

    Of a derivation or a name, those of the latest realization.

    --json: objects with `rref` and `path`.
    """
    places = [(rref, str(rref2path(rref, store=command.store))) for rref in refs]
    records = [{"rref": rref, "path": place} for rref, place in places]
    report(records, lambda: "\n".join(place for _, place in places), as_json)


@click.command()
@click.argument("ref", type=RREF)
@as_json
@with_command
def tree(command: CommandContext, ref: RRef, as_json: bool) -> None:
    """Show the artifacts of a realization as a tree, with sizes.

    Of a derivation or a name, those of the latest realization.

    --json: objects with `rref`, `path`, `kind`, and of files `size`, `executable` and `digest`.
    """
    entries = command.store.manifest(ref).entries
    records = [artifact_record(ref, entry) for entry in entries]
    report(records, lambda: "\n".join([ref, *map(cut, branches(entries))]), as_json)


def branches(entries: Sequence[Entry]) -> Iterable[str]:
    """The lines of a tree of artifacts; its depth is no matter."""
    last = _last_below(entries)
    above: list[bytes] = []
    for entry in entries:
        steps = entry.path.split(b"/")
        while above != steps[: len(above)]:
            above.pop()
        for depth in range(len(above), len(steps)):
            here = b"/".join(steps[: depth + 1])
            inside = (b"/".join(steps[: d + 1]) for d in range(depth))
            rails = ["    " if folder in last else "│   " for folder in inside]
            sign = "└── " if here in last else "├── "
            leaf = depth == len(steps) - 1
            node = entry if leaf else Entry(here, "directory")
            note = f"  {size(entry.size)}" if leaf and entry.kind == "file" else ""
            yield "".join(rails) + sign + artifact(node, steps[depth]) + note
        above = steps[:-1]


def _last_below(entries: Iterable[Entry]) -> set[bytes]:
    """The paths that are the last in their directories."""
    last: dict[bytes, bytes] = {}
    for entry in entries:
        steps = entry.path.split(b"/")
        for depth in range(len(steps)):
            last[b"/".join(steps[:depth])] = b"/".join(steps[: depth + 1])
    return set(last.values())
