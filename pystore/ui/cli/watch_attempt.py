"""pystore watch: the numbers of an attempt while it runs."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

import click

from ...ask.inspection.attempts import chosen_attempt
from ...ask.inspection.running import Unfinished, unfinished
from ...core.attempt import Attempt
from ...core.dataclasses import dataclass, field
from ...core.errors import in_one_line
from ...core.printable import printable
from ...core.refs import DRef, RRef
from ...store.store import Store
from ..quantities import number as digits
from ..quantities import span
from ..sparkline import sparkline
from ..watch.screen import Screen
from ..watch.terminal import is_terminal
from .columns import columns, cut
from .columns import ref as shortened
from .command_context import CommandContext, as_json, with_command
from .ps import last_text, progress_text
from .ref import TRIED

_EVERY = 0.5  # [s] between two looks
_WIDTH = 32  # cells of a sparkline


@click.command()
@click.argument("refs", type=TRIED, metavar="REF")
@click.option("--attempt", "number", type=click.IntRange(min=0), help="Its number [the newest].")
@as_json
@with_command
def watch(
    command: CommandContext,
    /,
    refs: Sequence[DRef | RRef],
    number: int | None,
    as_json: bool,
) -> None:
    """Show the numbers of an attempt while it runs, on any host.

    In a terminal a row for each metric, with a line of its course; elsewhere a line for each number
    that it tells. It ends when the attempt has ended. Of an attempt that has ended, all that it
    told.

    --json: an object a line, as it comes: `name`, `value` and `step` of a metric, `done`, `total`
    and `unit` of progress; at the end `outcome`, `rref`, `error` and `metrics`.
    """
    attempt = _meant(refs, number, command.store)
    view = _Drawn(attempt) if is_terminal(sys.stdout) and not as_json else _Written(as_json)
    try:
        for one, news in _followed(attempt, command.store):
            view.show(one, news)
    finally:
        view.close()
    view.end(_now(attempt, command.store))


def _meant(refs: Sequence[DRef | RRef], number: int | None, store: Store) -> Attempt:
    """The newest attempt that runs; if none does, the newest."""
    run = [
        one
        for one in store.unfinished(dict.fromkeys(ref.dref for ref in refs))
        if one.outcome == "running" and number in (None, one.number)
    ]
    return run[-1] if run else chosen_attempt(refs, number, store)


def _followed(
    attempt: Attempt, store: Store
) -> Iterator[tuple[Unfinished | None, list[dict[str, Any]]]]:
    """The attempt, and what it has told since the last look; None when it has ended."""
    place, seen = 0, set[tuple[str, int | None]]()
    while attempt.outcome == "running":
        one = _running(attempt, store)  # first, so that the last look sees everything
        news, place = store.told_since(attempt, place)
        seen |= {_key(line) for line in news if "name" in line}
        if one is None:
            break
        yield one, news
        time.sleep(_EVERY)
    yield None, [line for line in _all(attempt, store) if _key(line) not in seen]


def _running(attempt: Attempt, store: Store) -> Unfinished | None:
    place = (attempt.context, attempt.number)
    for one in store.unfinished([attempt.dref]):
        if (one.context, one.number) == place and one.outcome == "running":
            return unfinished(one, store)
    return None


def _key(line: dict[str, Any]) -> tuple[str, int | None]:
    return str(line["name"]), line.get("step")


def _all(attempt: Attempt, store: Store) -> Iterator[dict[str, Any]]:
    """All that an attempt told: the points of its trace, and the metrics without one."""
    now = _now(attempt, store)
    trace = store.trace(now)
    for step, name, value in trace:
        yield {"name": name, "value": value, "step": step}
    in_trace = {name for _, name, _ in trace}
    for name, value in now.metrics.items():
        if name not in in_trace:
            yield {"name": name, "value": value}


def _now(attempt: Attempt, store: Store) -> Attempt:
    place = (attempt.context, attempt.number)
    found = (one for one in store.attempts(attempt.dref) if (one.context, one.number) == place)
    return next(found, attempt)


class _Written:
    """A line for each number, for logs and programs."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._progress = ""

    def show(self, one: Unfinished | None, news: list[dict[str, Any]]) -> None:
        for line in news:
            if self._as_json:
                _print_json({**line, **_finite(line)})
            elif "name" in line:
                click.echo(_point(line))
        if one is not None and not self._as_json and (text := progress_text(one)):
            if text != self._progress:
                click.echo(text)
            self._progress = text
        sys.stdout.flush()

    def close(self) -> None:
        """Does nothing: each line is written."""

    def end(self, attempt: Attempt) -> None:
        if not self._as_json:
            return click.echo(_outcome(attempt))
        keys = ("outcome", "rref", "error", "metrics")
        _print_json({key: getattr(attempt, key) for key in keys})


@dataclass
class _Course:
    """The numbers of one metric, in the order in which they were told."""

    values: list[float] = field(default_factory=list)
    step: int | None = None

    def row(self, name: str, encoding: str) -> list[str]:
        known = [value for value in self.values if isfinite(value)]
        least, most = (digits(of(known)) if known else "" for of in (min, max))
        step = "" if self.step is None else str(self.step)
        line = sparkline(self.values, _WIDTH, encoding)
        return [printable(name), step, digits(self.values[-1]), least, most, line]


class _Drawn:
    """A row for each metric, drawn again at each look."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._courses: dict[str, _Course] = {}
        self._screen = Screen(1, sys.stdout.encoding)
        self._table = ""

    def show(self, one: Unfinished | None, news: list[dict[str, Any]]) -> None:
        for line in news:
            if "name" in line:
                course = self._courses.setdefault(str(line["name"]), _Course())
                course.values.append(float(line["value"]))
                course.step = line.get("step")
        self._table = self._rows()
        room = self._screen.size[1] - 2
        self._screen.draw([cut(self._head(one)), *self._table.splitlines()][:room])

    def close(self) -> None:
        self._screen.close()

    def end(self, attempt: Attempt) -> None:
        told = [self._table] if self._courses else []
        click.echo("\n".join([_title(attempt), *told, _outcome(attempt)]))

    def _head(self, one: Unfinished | None) -> str:
        if one is None:
            return _title(self._attempt)
        since = span(max(0, time.time_ns() - one.attempt.start) / 1e9)
        where = f"process {one.attempt.pid} on {printable(one.attempt.host)}"
        told = [_title(one.attempt), f"runs for {since}", where, progress_text(one)]
        return " · ".join(filter(None, told))

    def _rows(self) -> str:
        header = ["metric", "step", "last", "min", "max", ""]
        encoding = sys.stdout.encoding
        rows = [course.row(name, encoding) for name, course in self._courses.items()]
        right = ["step", "last", "min", "max"]
        return columns(header, rows, right=right, spare=["min", "max", "step"]) if rows else ""


def _title(attempt: Attempt) -> str:
    return f"{attempt.dref.name} {shortened(attempt.dref)} #{attempt.number}"


def _outcome(attempt: Attempt) -> str:
    """How it ended: the last line."""
    if attempt.rref is not None:
        return f"{attempt.outcome} in {span(attempt.duration)}: {attempt.rref}"
    said = printable(in_one_line(attempt.error or ""))
    return f"{attempt.outcome}: {said}" if said else attempt.outcome


def _point(line: dict[str, Any]) -> str:
    return last_text((str(line["name"]), float(line["value"]), line.get("step")))


def _finite(line: dict[str, Any]) -> dict[str, Any]:
    value = line.get("value")
    return {"value": None} if isinstance(value, float) and not isfinite(value) else {}


def _print_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value))
