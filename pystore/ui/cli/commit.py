"""pystore commit: makes a realization of what a failed attempt has written."""

from pathlib import Path

import click

from ...store.layout import exists
from ...store.store import Store
from ...store.upkeep import commit
from .chosen import Chosen
from .command_context import CommandContext, as_json, report, with_command


@click.command("commit")
@click.argument("staging", type=click.Path(path_type=Path, file_okay=False))
@as_json
@with_command
def commit_command(command: CommandContext, /, staging: Path, as_json: bool) -> None:
    """Make a result of what a failed attempt has left.

    STAGING is its folder; the error of the attempt names it. Mend what was wrong in its `out`
    first, such as a file that is missing; of a stage that returned a value, nothing is wrong. All
    is checked as at the end of a run.

    --json: an object with `rref`, `path` and `metrics`.
    """
    store = _holder(command, staging)
    rref = commit(staging, store=store)
    (one,) = Chosen.all([rref], store)
    report([one], lambda: f"committed\n{one}", as_json)


def _holder(command: CommandContext, staging: Path) -> Store:
    """The store that was named, else the one that holds the staging folder."""
    if command.named is None and exists(root := staging.resolve().parent.parent):
        command.named = root
    return command.store
