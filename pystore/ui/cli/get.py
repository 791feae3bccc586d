"""pystore get: an artifact, copied out of the store."""

import os
from pathlib import Path
from typing import Any

import click

from ...ask.inspection.artifacts import artifact_within
from ...core.dataclasses import dataclass
from ...core.errors import BadPlace
from ...core.manifest import encode_name
from ...core.printable import counted, printable
from ...core.refs import RRef
from ...store.store import Store
from ...store.taking_out import Taken, take_out
from ..quantities import size
from .command_context import CommandContext, as_json, report, with_command
from .contents import artifact_names
from .ref import RREF


@dataclass(frozen=True)
class TakenOut:
    """An artifact that was copied out of the store."""

    rref: RRef
    path: str
    to: Path
    taken: Taken

    def to_dict(self) -> dict[str, Any]:
        """The copy as `pystore get --json` prints it: `rref`, `path`, `to`, `files`, `size`."""
        path = encode_name(os.fsencode(self.path))
        told = {"rref": self.rref, "path": path, "to": str(self.to)}
        return {**told, **self.taken._asdict()}


@click.command()
@click.argument("ref", type=RREF)
@click.argument("path", shell_complete=artifact_names)
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@as_json
@with_command
def get(
    command: CommandContext, /, *, ref: RRef, path: str, to: Path, force: bool, as_json: bool
) -> None:
    """Copy an artifact out of the store, a file or a folder.

    PATH is a path as `pystore tree` shows it, or . for the folder of all. TO is a new file or
    folder, or a folder that is there, into which the copy goes. Of a derivation or a name, the
    latest realization's. The copy may be changed: it shares nothing with the store.

    --json: an object with `rref`, `path`, `to`, the number of `files`, and their `size` [bytes].

    \b
    pystore get train@best:accuracy.txt model.pt .
    """
    source = artifact_within(ref, path, command.store)
    target = _place(to, ref.name if path == "." else path.strip("/").rpartition("/")[2])
    _check_outside(target, command.store)
    copied = TakenOut(ref, path, target, take_out(source, target, force=force))
    report([copied], lambda: _text(copied), as_json)


def _place(to: Path, name: str) -> Path:
    """The place of the copy: `to`, or in the folder `to`."""
    target = to / name if to.is_dir() else to
    if target.parent.is_dir():
        return target
    raise BadPlace(
        "no such folder",
        path=printable(str(target.parent)),
        remedy="make it first: mkdir -p",
    )


def _check_outside(target: Path, store: Store) -> None:
    """Raises BadPlace for a place in the store, which only the store writes to."""
    root = Path(os.path.realpath(store.root))
    if Path(os.path.realpath(target.parent)).is_relative_to(root):
        raise BadPlace(
            "this place is in the store, which only pystore writes to",
            path=printable(str(target)),
            store=root,
            remedy="name a place elsewhere",
        )


def _text(copied: TakenOut) -> str:
    told = f"{counted(copied.taken.files, 'file')}, {size(copied.taken.size)}"
    return f"{printable(copied.path)} of {copied.rref} → {printable(str(copied.to))}  ({told})"
