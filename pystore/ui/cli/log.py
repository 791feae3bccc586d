"""pystore log, logs: attempts, and their output."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from ...ask.finding.attempts import Found, Wanted, find
from ...ask.inspection.attempts import (
    NotedAttempt,
    adopted_from,
    as_run,
    chosen_attempt,
    log_of,
    runs,
    with_notes,
)
from ...core.attempt import Attempt
from ...core.errors import in_one_line
from ...core.printable import printable, when
from ...core.refs import DRef, RRef
from ...store import disk
from ..quantities import span
from .columns import Style, columns, value
from .columns import ref as shortened
from .command_context import CommandContext, as_json, report, with_command
from .ref import TRIED
from .streams import calm
from .wanted import csv_of, wanted_options

_COLOURS = {
    "failed": "red",
    "died": "red",
    "stopped": "yellow",
    "running": "yellow",
    "pruned": "cyan",
}
_MOST = 200  # rows of a table, where nothing else is said
_NO_MORE: Mapping[str, Sequence[Any]] = {}
_EVERY = 0.3  # [s] between two looks at a log that is followed: a wait that all systems have
_PIECE = 1 << 20  # [bytes]


@click.command("log")
@click.argument("refs", type=TRIED, required=False, metavar="[NAME|GLOB|REF]")
@click.option("-n", "--limit", "most", type=click.IntRange(min=1), help="Show only the first N.")
@wanted_options
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with parameters and metrics.")
@as_json
@with_command
def log_command(
    command: CommandContext,
    /,
    *,
    refs: Sequence[DRef | RRef] | None,
    most: int | None,
    wanted: Wanted,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show attempts, the newest first, of everything or of REF.

    An attempt whose result was taken over from another derivation, or another context, is called
    adopted: it did not run again. Of one that died, and went on with its checkpoints, `took` is the
    time that it ran, and beside it stands for how long it was dead. A table has the newest 200,
    unless --limit says more.

    \b
    pystore log train --where 'epochs=3 accuracy.txt>0.9' --sort -accuracy.txt
    pystore log --failed --since 2d --host 'gpu*'

    --json: objects as docs/format.md describes the record of an attempt; `outcome` may also be
    "pruned", "died" or "running", and of what was adopted is that of the attempt that ran. `tags`
    and `noted` are the tags, and all notes, about an attempt, its realization and its derivation.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json: one of the two")
    limit = most if most or as_csv or as_json else _MOST
    given = command.store.drefs() if refs is None else refs
    found, shown = find(given, command.store, wanted, limit).in_full(command.store)
    if as_csv:
        click.echo(csv_of(found, shown, wanted.names()), nl=False)
        return
    noted = with_notes(shown, command.store)
    report(noted, lambda: _text(found, noted, wanted.names(), most), as_json)


def _text(
    found: Found, shown: Sequence[NotedAttempt], names: Sequence[str], most: int | None
) -> str:
    lines = [log_table(shown, {name: found.cells(name) for name in names})]
    left = found.total - len(found.places)
    if left and most is None:
        lines.append(f"… {left:,} more: --limit {found.total} shows them")
    return "\n".join(lines)


def log_table(
    attempts: Sequence[NotedAttempt], more: Mapping[str, Sequence[Any]] = _NO_MORE
) -> str:
    """A row for each attempt, with the values of further columns."""
    if not attempts:
        return "no attempts"
    names, told = [*more], ["tags"] if any(one.tags for one in attempts) else []
    header = [
        "start",
        "name",
        "attempt",
        "outcome",
        "took",
        *told,
        *map(printable, names),
        "result",
    ]
    rows = [
        [
            when(a.start),
            a.dref.name,
            str(a.number),
            "adopted" if adopted_from(a) else a.outcome,
            _took(a),
            *([" ".join(one.tags)] if told else []),
            *(_cell(more[name][at]) for name in names),
            _result(a),
        ]
        for at, one in enumerate(attempts)
        for a in [one.attempt]
    ]
    spare = ["start", "took", "attempt", "tags"]
    return columns(header, rows, right=["attempt", "took"], spare=spare, styles=_colour)


def _cell(told: Any) -> str:
    return "" if told is None else value(told)


def _colour(row: Sequence[str]) -> Style | None:
    colour = _COLOURS.get(row[3])
    return (lambda line: click.style(line, fg=colour)) if colour else None


def _took(attempt: Attempt) -> str:
    if attempt.outcome in ("died", "running"):
        return ""
    resumed = ", resumed" if "resumed" in attempt.notes else ""
    dead = f" after {span(attempt.dead)}" if attempt.dead else ""
    return f"{span(attempt.duration)}{resumed}{dead}"


def _result(attempt: Attempt) -> str:
    if attempt.rref is not None:
        return shortened(attempt.rref)
    said = error_line(attempt) or f"process {attempt.pid} on {attempt.host}"
    return f"{shortened(attempt.dref)}  {printable(said)}"


def error_line(attempt: Attempt) -> str:
    """The realizer's exception, or the first line of another error."""
    return in_one_line(attempt.error or "")


@click.command()
@click.argument("refs", type=TRIED, metavar="REF")
@click.option("--attempt", "number", type=click.IntRange(min=0), help="Its number [the latest].")
@click.option("-f", "--follow", is_flag=True, help="Go on until the attempt has ended.")
@as_json
@with_command
def logs(
    command: CommandContext,
    refs: Sequence[DRef | RRef],
    number: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    r"""Print what an attempt printed, as it was.

    Also of one that failed, died or runs. `pystore run` keeps it. Of a derivation or a name, the
    latest attempt; where its result was adopted, what the first one to reach it printed. On a
    terminal, what could steer it is shown as escapes, such as \x1b.

    --json: objects with `dref`, `context`, `number`, `outcome`, `rref`, `path` and `text`; `path`
    is null where nothing was printed, or kept.
    """
    attempt = as_run(chosen_attempt(refs, number, command.store), command.store)
    log = log_of(attempt, command.store)
    if as_json and follow:
        raise click.UsageError("--json is for what has ended, or up to now: leave out --follow")
    if as_json:
        report([log], str, as_json)
        return
    sys.stdout.flush()
    written = _written(log.path, lambda: follow and runs(attempt, command.store))
    for text in calm(written, sys.stdout):
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()


def _written(path: Path, more: Callable[[], bool]) -> Iterator[bytes]:
    """The bytes of a file, and those that are added to it as long as there may be more."""
    place, going = 0, True
    while going:
        going = more()  # asked before reading, so that the last look sees everything
        with suppress(FileNotFoundError), disk.open_regular(path) as file:
            file.seek(place)
            while text := file.read(_PIECE):
                place += len(text)
                yield text
        if going:
            time.sleep(_EVERY)
