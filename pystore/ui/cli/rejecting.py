"""pystore reject: takes a realization out of matching and statistics."""

from dataclasses import asdict
from typing import Any

import click

from ...core.dataclasses import dataclass
from ...core.errors import BadRef
from ...core.printable import printable
from ...core.refs import DRef, RRef
from ...store.upkeep import reject
from .command_context import CommandContext, as_json, report, with_command
from .ref import REF


@dataclass(frozen=True)
class _Rejection:
    """A realization that a person has rejected."""

    rref: RRef
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The rejection as `--json` prints it: `rref` and `reason`."""
        return asdict(self)


@click.command("reject")
@click.argument("ref", type=REF)
@click.argument("reason")
@as_json
@with_command
def reject_command(
    command: CommandContext, /, ref: DRef | RRef, reason: str, as_json: bool
) -> None:
    """Take a realization out of matching and statistics, for REASON.

    Its bytes and the reason stay. No matcher chooses it from then on, no table counts it, and it is
    not sent to others. The same holds for each copy that another derivation has adopted.

    --json: an object with `rref` and `reason`.
    """
    if isinstance(ref, DRef):
        raise BadRef(
            "a realization is rejected, and this is a derivation",
            ref=ref,
            remedy=f"name one of it: {ref.name}@latest, or as `pystore ls {ref[:13]}` lists them",
        )
    reject(ref, reason, store=command.store)
    report([_Rejection(ref, reason)], lambda: f"rejected {ref}: {printable(reason)}", as_json)
