"""pystore compact: joins the records of old attempts, so that a store has fewer files."""

import click

from ...store import compact as joining
from ...store.compact import Compacted
from ..quantities import size
from ..watch.watching import bar
from .command_context import CommandContext, as_json, report, with_command


@click.command()
@as_json
@with_command
def compact(command: CommandContext, /, as_json: bool) -> None:
    """Join the records of attempts that ended more than a day ago.

    Each derivation gets one file in place of two for each attempt. What the store says stays the
    same: attempts, metrics, numbers and seeds. Logs and notes stay as they are. Versions of
    pystore before this one do not open the store any more: end their processes first.

    --json: an object with `derivations`, `attempts`, `files` and `size` in bytes (of what went),
    and `left`: objects with `path`, `owner` and `because`.
    """
    with bar() as listener:
        found = joining.compact(command.store, listener=listener)
    report([found], lambda: _text(found), as_json)


def _text(found: Compacted) -> str:
    if not found.files:
        return "\n".join(["nothing to join", *found.obstacles])
    return "\n".join([f"{found.sentence}, {size(found.size)} freed", *found.obstacles])
