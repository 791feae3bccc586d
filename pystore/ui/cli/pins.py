"""pystore pin, unpin, pins: names for realizations that gc must keep."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

import pystore as ps

from ...ask.inspection.inventory import Pin, list_pins
from ...ask.inspection.pin_story import PinStep, moved, story
from ...core.errors import BadName
from ...core.printable import listed, printable, when
from ...core.refs import RRef
from ...store import pins as roots
from .at_remote import trust
from .columns import columns, ref
from .command_context import CommandContext, as_json, report, with_command
from .ref import RREF, begun_so, refuse_below

Command = TypeVar("Command", bound=Callable[..., Any])
Named = TypeVar("Named", Pin, PinStep)


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

    A name that is taken now means the new one. Wherever a REF is asked for, the name will do; where
    it is that of a stage too, the pin is meant.
    """
    refuse_below(command.store, ref)
    before = roots.pins(command.store).get(name)
    roots.pin(command.store, ref, name)
    was = f" (it was {before})" if before not in (None, ref) else ""
    click.echo(f"{name} is {ref}{was}")
    if any(dref.name == name for dref in command.store.drefs()):
        click.echo(
            f"pystore: a stage is called {name} too: from now on the pin is meant by it\n"
            f"  try: pystore unpin {name}, and choose another name",
            err=True,
        )


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
@click.argument("names", metavar="[NAME...]", nargs=-1, shell_complete=begun_pins)
@click.option("--at", "url", metavar="URL", help="Those of the remote at URL.")
@click.option("--history", is_flag=True, help="Who changed them, when, and from what.")
@trust
@as_json
@with_command
def pins(
    command: CommandContext,
    /,
    *,
    names: tuple[str, ...],
    url: str | None,
    history: bool,
    trusted: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the pins, or those of these names.

    With --history, all changes of pins, also of removed ones: who let a pin name which realization,
    when, and in place of which one; and the moves of pins at remotes that this store has pushed or
    pulled. With --at URL, all moves there. Moves are only added, so that a pin can go back to the
    realization that it named before.

    --json: objects with `pin` and `rref`. Of a change also `before`, `time` [ns since 1970, UTC],
    `by`, and `url` of the remote that was followed; of a move at a remote `before`, `time`, `by`,
    `number` and `host`. What is not there is null; `rref` is null where a pin was removed.
    """
    if not history:
        there = list_pins(command.store) if url is None else _last_at(url, trusted)
        _tell_pins(_of(names, there), as_json)
        return
    found = _moves_at(url, trusted) if url is not None else story(command.store)
    told = _of(names, found)
    report(told, lambda: _table(told), as_json)


def _last_at(url: str, trusted: Sequence[str]) -> list[Pin]:
    moves = ps.pins_at(url, trusted_keys=trusted or None)
    return [Pin(name, moves[name][-1].rref) for name in moves]


def _moves_at(url: str, trusted: Sequence[str]) -> list[PinStep]:
    moves = ps.pins_at(url, trusted_keys=trusted or None)
    return moved(move for name in sorted(moves) for move in moves[name])


def _of(names: Sequence[str], found: Sequence[Named]) -> list[Named]:
    """Those of these names, or all. Raises BadName for a name that none has."""
    there = {one.pin for one in found}
    for name in names:
        if name not in there:
            raise BadName(
                "no such pin",
                name=name,
                pins=listed(sorted(there)) or "none",
                remedy="name one of them" if there else "pystore pin NAME REF makes one",
            )
    return [one for one in found if not names or one.pin in names]


def _table(told: Sequence[PinStep]) -> str:
    if not told:
        return ""
    rows = [
        [
            step.pin,
            when(step.time),
            printable(step.by or step.host or ""),
            _where(step),
            ref(step.before) if step.before else "",
            ref(step.rref) if step.rref else "(removed)",
        ]
        for step in told
    ]
    header = ["pin", "changed", "by", "where", "before", "realization"]
    return columns(header, rows, spare=["where", "by"])


def _where(step: PinStep) -> str:
    if step.number is not None:
        return f"at the remote, {step.number}"
    return f"as at {printable(step.url)}" if step.url else "here"


def _tell_pins(found: Sequence[Pin], as_json: bool) -> None:
    rows = [(one.pin, one.rref) for one in found]
    report(found, lambda: columns(["pin", "realization"], rows) if rows else "", as_json)
