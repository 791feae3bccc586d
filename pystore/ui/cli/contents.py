"""pystore cat, tree, path: the artifacts of a realization, and where they are."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence

import click

from ...ask.inspection.artifacts import Content, artifact_path, artifacts_of, place_of
from ...core.manifest import Entry
from ...core.refs import RRef
from ...store import disk
from ...store.store import Store
from ..quantities import size
from .artifact_text import name_of
from .columns import cut
from .command_context import CommandContext, as_json, report, with_command
from .ref import RREF, begun_so


def artifact_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The files of the realization that was typed before."""
    rref = ctx.params.get("ref")
    command = ctx.ensure_object(CommandContext)
    return begun_so(lambda: _names(rref, command.store), incomplete) if rref else []


def _names(rref: RRef, store: Store) -> Iterator[str]:
    entries = (one.entry for one in artifacts_of(rref, store))
    names = (os.fsdecode(entry.path) for entry in entries if entry.kind != "directory")
    return (name for name in names if name.isprintable())


@click.command()
@click.argument("ref", type=RREF)
@click.argument("path", shell_complete=artifact_names)
@as_json
@with_command
def cat(command: CommandContext, ref: RRef, path: str, as_json: bool) -> None:
    """Print an artifact, byte for byte. Of a derivation or a name, the latest realization's.

    Where PATH begins with a dash, write -- before it.

    --json: objects with `rref`, `path`, `size` and `text`, or `base64` where it is no UTF-8.
    """
    file = artifact_path(ref, path, command.store)
    with disk.open_regular(file) as source:
        if as_json:
            report([Content(ref, path, source.read())], str, as_json)
        else:
            sys.stdout.flush()
            shutil.copyfileobj(source, sys.stdout.buffer)


@click.command()
@click.argument("refs", type=RREF, nargs=-1, required=True, metavar="REF...")
@as_json
@with_command
def path(command: CommandContext, refs: tuple[RRef, ...], as_json: bool) -> None:
    """Print where the artifacts are: `cd $(pystore path mnist)`. Leave them as they are.

    Of a derivation or a name, those of the latest realization.

    --json: objects with `rref` and `path`.
    """
    places = [place_of(rref, command.store) for rref in refs]
    report(places, lambda: "\n".join(str(place.path) for place in places), as_json)


@click.command()
@click.argument("ref", type=RREF)
@as_json
@with_command
def tree(command: CommandContext, ref: RRef, as_json: bool) -> None:
    """Show the artifacts of a realization as a tree, with sizes.

    Of a derivation or a name, those of the latest realization.

    --json: objects with `rref`, `path`, `kind`, and of files `size`, `executable` and `digest`.
    """
    found = artifacts_of(ref, command.store)
    entries = [one.entry for one in found]
    report(found, lambda: "\n".join([ref, *map(cut, _branches(entries))]), as_json)


def _branches(entries: Sequence[Entry]) -> Iterable[str]:
    """The lines of a tree of artifacts of any depth."""
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
            yield "".join(rails) + sign + name_of(node, steps[depth]) + note
        above = steps[:-1]


def _last_below(entries: Iterable[Entry]) -> set[bytes]:
    """The paths that are the last in their directories."""
    last: dict[bytes, bytes] = {}
    for entry in entries:
        steps = entry.path.split(b"/")
        for depth in range(len(steps)):
            last[b"/".join(steps[:depth])] = b"/".join(steps[: depth + 1])
    return set(last.values())
