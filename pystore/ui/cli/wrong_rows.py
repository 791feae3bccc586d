"""pystore errors: the test rows that a model has predicted wrong."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from ...app.evidence import errors_of, evidence_of
from ...core.dataclasses import dataclass
from ...core.refs import RRef
from .columns import columns, value
from .command_context import CommandContext, as_json, report, with_command
from .ref import RREF


@dataclass(frozen=True)
class WrongRow:
    """A test row that was predicted wrong."""

    row: int  # its place in the test part, from 0
    truth: Any
    prediction: Any

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON."""
        return asdict(self)


@click.command()
@click.argument("ref", type=RREF)
@click.option("-n", "most", type=click.IntRange(min=1), help="Show only the worst N.")
@as_json
@with_command
def errors(command: CommandContext, /, ref: RRef, most: int | None, as_json: bool) -> None:
    """Show the test rows that a model predicted wrong, worst first.

    The worst is the farthest from a truth that is no whole number; where the model tells how sure
    it is of each label, the one of which it was the surest.

    --json: objects with `row`, its place in the test part from 0, `truth` and `prediction`.

    \b
    pystore errors digits@best:test -n 20
    """
    folder = command.store.path(ref)
    found = [WrongRow(**one) for one in errors_of(folder)]
    tested = len(evidence_of(folder).truth)
    report(found[:most], lambda: _text(found, most, tested), as_json)


def _text(found: Sequence[WrongRow], most: int | None, tested: int) -> str:
    last = f"{len(found):,} of {tested:,} test rows were predicted wrong"
    if not found:
        return last
    rows = [(str(one.row), value(one.truth), value(one.prediction)) for one in found[:most]]
    return f"{columns(['row', 'truth', 'prediction'], rows, right=['row', 'truth'])}\n{last}"
