"""pystore log, logs: attempts, and their output."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import click

from ...ask.inspection.attempts import (
    NotedAttempt,
    adopted_from,
    as_run,
    chosen_attempt,
    log_of,
    newest_first,
    runs,
    with_notes,
)
from ...core.attempt import Attempt
from ...core.errors import in_one_line
from ...core.printable import printable, when
from ...core.refs import DRef, RRef
from ...store import disk
from ..quantities import span
from .columns import Style, columns
from .columns import ref as shortened
from .command_context import CommandContext, as_json, report, with_command
from .ref import TRIED
from .streams import calm

_COLOURS = {"failed": "red", "died": "red", "stopped": "yellow", "running": "yellow"}
_EVERY = 0.3  # [s] between two looks at a log that is followed: a wait that all systems have
_PIECE = 1 << 20  # [bytes]


@click.command("log")
@click.argument("refs", type=TRIED, required=False, metavar="[NAME|GLOB|REF]")
@click.option("-n", "most", type=click.IntRange(min=1), help="Show only the newest N.")
@as_json
@with_command
def log_command(
    command: CommandContext, refs: Sequence[DRef | RRef] | None, most: int | None, as_json: bool
) -> None:
    """Show attempts, the newest first, of everything or of REF.

    An attempt whose result was taken over from another derivation, or another context, is called
    adopted: it did not run again. Of one that died, and went on with its checkpoints, `took` is the
    time that it ran, and beside it stands for how long it was dead.

    --json: objects as docs/format.md describes the record of an attempt; `outcome` may also be
    "died" or "running", and of what was adopted is that of the attempt that ran. `tags` and `noted`
    are the tags, and all notes, about an attempt, its realization and its derivation.
    """
    asked = command.store.drefs() if refs is None else refs
    found = with_notes(newest_first(asked, command.store)[:most], command.store)
    report(found, lambda: log_table(found), as_json)


def log_table(attempts: Sequence[NotedAttempt]) -> str:
    """A row for each attempt."""
    if not attempts:
        return "no attempts"
    told = ["tags"] if any(one.tags for one in attempts) else []
    header = ["start", "name", "attempt", "outcome", "took", *told, "result"]
    rows = [
        [
            when(a.start),
            a.dref.name,
            str(a.number),
            "adopted" if adopted_from(a) else a.outcome,
            _took(a),
            *([" ".join(one.tags)] if told else []),
            _result(a),
        ]
        for one in attempts
        for a in [one.attempt]
    ]
    spare = ["start", "took", "attempt", "tags"]
    return columns(header, rows, right=["attempt", "took"], spare=spare, styles=_colour)


def _colour(row: Sequence[str]) -> Style | None:
    colour = _COLOURS.get(row[3])
    return (lambda line: click.style(line, fg=colour)) if colour else None


def _took(attempt: Attempt) -> str:
    if attempt.outcome not in ("succeeded", "failed", "stopped"):
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
