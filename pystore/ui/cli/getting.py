"""pystore get: copies artifacts out of a realization."""

from dataclasses import asdict
from typing import Any

import click

from ...ask.inspection.taken_out import take_out
from ...core.dataclasses import dataclass
from ...core.printable import printable
from ...core.refs import RRef
from .command_context import CommandContext, as_json, report, with_command
from .contents import artifact_names
from .ref import RREF


@dataclass(frozen=True)
class _Taken:
    """Artifacts that were copied to a place outside of the store."""

    rref: RRef
    path: str
    to: str

    def to_dict(self) -> dict[str, Any]:
        """The copy as `--json` prints it: `rref`, `path` and `to`."""
        return asdict(self)


@click.command()
@click.argument("ref", type=RREF)
@click.argument("path", shell_complete=artifact_names)
@click.argument("to", type=click.Path())
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@as_json
@with_command
def get(
    command: CommandContext, /, *, ref: RRef, path: str, to: str, force: bool, as_json: bool
) -> None:
    """Copy an artifact, or a folder of artifacts, to TO.

    PATH is a file or a folder of the realization, or . for all; of a derivation or a name, that of
    the latest realization. Where TO is a folder, the copy has its name there. The copy is yours to
    change; nothing is replaced without --force, and no folder ever.

    --json: an object with `rref`, `path` and `to`.
    """
    place = take_out(ref, path, to, command.store, force=force)
    taken = _Taken(ref, path, str(place))
    report([taken], lambda: printable(taken.to), as_json)
