"""pystore pin, unpin, pins: names for realizations that gc must keep."""

import click

from ...ask.inspection.inventory import list_pins
from ...core.refs import RRef
from ...store import pins as roots
from .columns import columns
from .command_context import CommandContext, as_json, report, with_command
from .ref import RREF, begun_so, refuse_below


@click.command()
@click.argument("name")
@click.argument("ref", type=RREF)
@with_command
def pin(command: CommandContext, /, name: str, ref: RRef) -> None:
    """Keep REF, and all that it was built from, under NAME.

    A name that is taken now means the new one. Wherever a REF is asked for, the name will do.
    """
    refuse_below(command.store, ref)
    before = roots.pins(command.store).get(name)
    roots.pin(command.store, ref, name)
    was = f" (it was {before})" if before not in (None, ref) else ""
    click.echo(f"{name} is {ref}{was}")


def _pinned(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return begun_so(lambda: roots.pins(ctx.ensure_object(CommandContext).store), incomplete)


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=_pinned)
@with_command
def unpin(command: CommandContext, /, names: tuple[str, ...]) -> None:
    """Let NAME keep nothing any more.

    The next gc removes what nothing else keeps.
    """
    for name in names:
        roots.unpin(command.store, name)


@click.command()
@as_json
@with_command
def pins(command: CommandContext, /, as_json: bool) -> None:
    """List the pins.

    --json: objects with `pin` and `rref`.
    """
    found = list_pins(command.store)
    rows = [(one.pin, one.rref) for one in found]
    report(found, lambda: columns(["pin", "realization"], rows) if rows else "", as_json)
