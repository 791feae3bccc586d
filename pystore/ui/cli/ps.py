"""pystore ps, stop: attempts that run now, on any host of the store."""

import time
from collections.abc import Sequence

import click

from ...ask.experiments.table import written
from ...ask.inspection.attempts import NotedAttempt, with_notes
from ...ask.inspection.running import Unfinished, running, stop_all
from ...core.printable import printable
from ...core.refs import DRef, RRef
from ..quantities import number, span
from ..watch.words import amount
from .columns import Style, columns
from .columns import ref as shortened
from .command_context import CommandContext, as_json, report, with_command
from .log import log_table
from .ref import TRIED


@click.command()
@as_json
@with_command
def ps(command: CommandContext, as_json: bool) -> None:
    """Show what runs, on all hosts of the store, and what has died.

    What has died is shown until it is tried again. Of each: since when, on which host and in which
    process, its parameters, its progress, and the metric that it told last.

    --json: objects with `dref`, `name`, `context`, `number`, `outcome` ("running" or "died"),
    `parameters`, `host`, `pid`, `start`, `heard`, `metrics`, `progress` and `last`.
    """
    found = running(command.store, died=True)
    report(found, lambda: _table(found), as_json)


def _table(found: Sequence[Unfinished]) -> str:
    if not found:
        return "nothing runs"
    now = time.time_ns()
    header = [
        "stage", "attempt", "outcome", "for", "host", "pid", "progress", "last", "parameters",
    ]  # fmt: skip
    rows = [
        [
            f"{one.attempt.dref.name} {shortened(one.attempt.dref)}",
            str(one.attempt.number),
            one.outcome,
            span(max(0, now - one.attempt.start) / 1e9) if one.outcome == "running" else "",
            printable(one.attempt.host),
            str(one.attempt.pid),
            progress_text(one),
            last_text(one.last),
            " ".join(f"{printable(k)}={printable(written(v))}" for k, v in one.parameters.items()),
        ]
        for one in found
    ]
    spare = ["parameters", "pid", "attempt", "for", "progress"]
    return columns(header, rows, right=["attempt", "for", "pid"], spare=spare, styles=_colour)


def progress_text(one: Unfinished) -> str:
    """How much it has done: `3/10 epochs`; empty where it does not tell."""
    if one.progress is None:
        return ""
    done, total, unit = one.progress
    if total is None:
        return amount(done, printable(unit))
    return f"{amount(done)}/{amount(total, printable(unit))}"


def last_text(told: tuple[str, float, int | None] | None) -> str:
    """A metric that was told: `loss=0.31 (step 7)`."""
    if told is None:
        return ""
    name, value, step = told
    return f"{printable(name)}={number(value)}" + ("" if step is None else f" (step {step})")


def _colour(row: Sequence[str]) -> Style | None:
    return (lambda line: click.style(line, fg="red")) if row[2] == "died" else None


@click.command()
@click.argument("refs", type=TRIED, metavar="REF")
@click.option("--attempt", "number", type=click.IntRange(min=0), help="Its number [all that run].")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How long to wait for them to end.",
)
@as_json
@with_command
def stop(
    command: CommandContext,
    /,
    refs: Sequence[DRef | RRef],
    number: int | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Stop the attempts of REF that run, on any host of the store.

    As Ctrl-C there: each is recorded as stopped, its checkpoints stay, and the run that made it
    ends. The process looks a few times a second; on a network file system it may see the request
    later.

    --json: objects as of `log`; `outcome` is "running" where it has not ended in time.
    """
    drefs = dict.fromkeys(one.dref for one in refs)
    found = with_notes(stop_all(drefs, number, timeout, command.store), command.store)
    report(found, lambda: _stopped(found), as_json)


def _stopped(found: Sequence[NotedAttempt]) -> str:
    left = sum(one.attempt.outcome == "running" for one in found)
    late = [f"{left} still run: they stop when they see the request"] if left else []
    return "\n".join([log_table(found), *late])
