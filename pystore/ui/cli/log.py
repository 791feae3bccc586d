"""pystore log, logs: the attempts, and what they printed."""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ...model.attempt import Attempt
from ...model.errors import NotInStore
from ...model.printable import printable, when
from ...model.refs import DRef, RRef
from ...run.inspection.attempts import chosen_attempt, newest_first
from ...store import below
from ..quantities import span
from .columns import Style, columns
from .columns import ref as shown
from .edge import Edge, as_json, edge, report
from .ref import REFS

COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "died": "red",
    "stopped": "yellow",
    "running": "yellow",
}


@click.command("log")
@click.argument("refs", type=REFS, required=False, metavar="[NAME|GLOB|REF]")
@click.option("-n", "most", type=click.IntRange(min=1), help="Show only the newest N.")
@as_json
@edge
def log_command(
    edge: Edge, refs: Sequence[DRef | RRef] | None, most: int | None, as_json: bool
) -> None:
    """Show attempts, the newest first, of everything or of REF.

    --json: objects as docs/format.md describes the record of an attempt; `outcome` may also be
    "died" or "running".
    """
    found = newest_first(edge.store.drefs() if refs is None else refs, edge.store)[:most]
    report([a._asdict() for a in found], lambda: log_text(found), as_json)


def log_text(attempts: Sequence[Attempt]) -> str:
    """The attempts as rows."""
    if not attempts:
        return "no attempts"
    header = ["start", "name", "attempt", "outcome", "took", "result"]
    rows = [
        [when(a.start), a.dref.name, str(a.number), a.outcome, _took(a), _result(a)]
        for a in attempts
    ]
    return columns(header, rows, right=["attempt", "took"], styles=_colour)


def _colour(row: Sequence[str]) -> Style | None:
    outcome = row[3]
    return None if outcome == "succeeded" else lambda line: click.style(line, fg=COLOURS[outcome])


def _took(attempt: Attempt) -> str:
    return span(attempt.duration) if attempt.outcome in ("succeeded", "failed", "stopped") else ""


def _result(attempt: Attempt) -> str:
    if attempt.rref is not None:
        return shown(attempt.rref)
    said = error_line(attempt) or f"process {attempt.pid} on {attempt.host}"
    return f"{shown(attempt.dref)}  {printable(said)}"


def error_line(attempt: Attempt) -> str:
    """What the realizer raised, or the first line of another error."""
    error = attempt.error or ""
    raised = re.search(r"\ABuildError: the realizer .* raised (\w+)$", error, re.M)
    because = re.search(r"^  because: +(.+)$", error, re.M)
    if raised and because:
        return f"{raised[1]}: {because[1]}"
    return error.partition("\n")[0].rstrip(": ")  # an error without words has only its kind


@click.command()
@click.argument("refs", type=REFS, metavar="REF")
@click.option("--attempt", "number", type=click.IntRange(min=0), help="Its number [the latest].")
@as_json
@edge
def logs(edge: Edge, refs: Sequence[DRef | RRef], number: int | None, as_json: bool) -> None:
    """Print what an attempt printed, as it was.

    Also of one that failed, died or runs. `pystore run` keeps it. Of a derivation or a name, the
    latest attempt.

    --json: objects with `dref`, `context`, `number`, `outcome`, `rref`, `path` and `text`.
    """
    attempt = chosen_attempt(refs, number, edge.store)
    home = below.home(edge.store.layout, attempt)
    path = Path(home.beside(attempt.dref, attempt.context, attempt.number, "log"))
    if not path.exists():
        raise NotInStore(
            "this attempt printed nothing that was kept",
            dref=attempt.dref,
            attempt=attempt.number,
            outcome=attempt.outcome,
            remedy="`pystore run` keeps what is printed; --attempt names another attempt",
        )
    if as_json:
        report([_log_record(attempt, path)], str, as_json)
        return
    sys.stdout.flush()
    with path.open("rb") as source:
        shutil.copyfileobj(source, sys.stdout.buffer)


def _log_record(attempt: Attempt, path: Path) -> dict[str, Any]:
    keys = ("dref", "context", "number", "outcome", "rref")
    facts = {key: getattr(attempt, key) for key in keys}
    return {**facts, "path": str(path), "text": path.read_bytes().decode("utf-8", "replace")}
