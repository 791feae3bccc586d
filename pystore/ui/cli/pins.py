"""pystore pin, unpin, pins: names for realizations that gc must keep."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

import pystore as ps

from ...ask.inspection.inventory import Pin, list_pins
from ...core.printable import printable, when
from ...core.refs import RRef
from ...store import pins as roots
from ...store.remote.pin_move import PinMove, moves_seen
from .columns import columns
from .command_context import CommandContext, as_json, report, with_command
from .ref import RREF, begun_so, refuse_below

Command = TypeVar("Command", bound=Callable[..., Any])

trust = click.option(
    "--trust",
    "trusted",
    metavar="KEY",
    multiple=True,
    help="Use only what this public key has signed; may be given again [PYSTORE_TRUSTED_KEYS].",
)


def from_remote(command: Command) -> Command:
    """The options of a command that follows what a remote has."""
    options = (
        click.option("--from", "source", metavar="URL", help="A remote, from which it comes."),
        click.option(
            "--from-every",
            "source_every",
            metavar="SECONDS",
            type=click.FloatRange(min=0.1),
            default=30.0,
            show_default=True,
            help="How often to ask the remote.",
        ),
        trust,
    )
    for option in reversed(options):
        command = option(command)
    return command


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


def begun_pins(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The pins of the store that begin so."""
    return begun_so(lambda: roots.pins(ctx.ensure_object(CommandContext).store), incomplete)


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=begun_pins)
@with_command
def unpin(command: CommandContext, /, names: tuple[str, ...]) -> None:
    """Let NAME keep nothing any more.

    The next gc removes what nothing else keeps.
    """
    for name in names:
        roots.unpin(command.store, name)


@click.command()
@click.option("--at", "url", metavar="URL", help="Those of the remote at URL.")
@click.option("--history", is_flag=True, help="All moves at remotes, the last one last.")
@trust
@as_json
@with_command
def pins(
    command: CommandContext,
    /,
    url: str | None,
    history: bool,
    trusted: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the pins.

    With --history, the moves of pins at remotes that this store has pushed or pulled; with --at
    URL, all moves there. Moves are only added, so that a pin can go back to the realization
    that it named before.

    --json: objects with `pin` and `rref`; of a move also `number`, `time` [ns since 1970, UTC] and
    `host`.
    """
    if url is None and not history:
        _tell_pins(list_pins(command.store), as_json)
        return
    moves = _moves(command, url, trusted)
    if history:
        rows = [_row(move) for name in moves for move in moves[name]]
        all_moves = [move for name in moves for move in moves[name]]
        header = ["pin", "number", "moved", "host", "realization"]
        report(all_moves, lambda: columns(header, rows, right=["number"]) if rows else "", as_json)
    else:
        _tell_pins([Pin(name, moves[name][-1].rref) for name in moves], as_json)


def _moves(
    command: CommandContext, url: str | None, trusted: Sequence[str]
) -> dict[str, list[PinMove]]:
    if url is not None:
        return ps.pins_at(url, trusted_keys=trusted or None)
    found: dict[str, list[PinMove]] = {}
    for move in moves_seen(command.store):
        found.setdefault(move.pin, []).append(move)
    return found


def _row(move: PinMove) -> tuple[str, ...]:
    return move.pin, str(move.number), when(move.time), printable(move.host), move.rref


def _tell_pins(found: Iterable[Pin], as_json: bool) -> None:
    rows = [(one.pin, one.rref) for one in found]
    report(found, lambda: columns(["pin", "realization"], rows) if rows else "", as_json)
