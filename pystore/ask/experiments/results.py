"""Results: what the attempts of some derivations reached, one row an attempt.

RE1  Rejected results are not among them; in a summary each training counts once.
RE2  Failed attempts are rows and are counted, and their metrics enter no mean.
RE3  A number that is missing is never taken for another: it is counted as missing, or an error.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...core.attempt import Attempt
from ...core.errors import BadMetric, BadRef, BadStage, PystoreError
from ...core.left_out import NOTHING, LeftOut
from ...core.options import Mode, Scope, checked_mode
from ...core.printable import listed
from ...core.refs import DRef, RRef, check_part
from ...declare.parameters import Parameters, cell
from ...store.current import current_store
from ...store.store import Store
from .differing import differing
from .family import Meant, members, tell
from .table import Table, named_apart

if TYPE_CHECKING:
    from .summary import Summary


@dataclass(frozen=True)
class Result:
    """One attempt: what it was given, and what it reached."""

    attempt: Attempt
    parameters: Parameters
    metrics: Mapping[str, float]  # those that were asked for, as far as there are


@dataclass(frozen=True)
class Results:
    """Attempts and their metrics; prints as a table."""

    rows: tuple[Result, ...]
    parameters: tuple[str, ...]  # the names of those that differ
    metrics: tuple[str, ...]
    store: Store
    left_out: LeftOut = NOTHING  # of what has these names, and is by other code

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.rows)

    def summary(
        self, metric: str | None = None, *, over: str | Iterable[str] = (), mode: Mode = "max"
    ) -> "Summary":
        """Attempts with equal parameters as one row: n, failed, mean, std, 95 %, min, max, best.

        `metric` is one of `metrics` (default: all); `over` names parameters that make no group of
        their own, such as a seed. `mode` says which is the best: write "min" for a loss.
        """
        from .summary import summarize

        return summarize(self, metric, over, mode)

    def plot(self, metric: str | None = None, *, traces: str | None = None, **options: Any) -> Any:
        """Points and the 95 % interval of each config, or the `traces` of a metric over its steps.

        Returns matplotlib's Axes. Takes `over` as summary does, and `axes` to draw into.
        """
        from .plot import plot_points, plot_traces

        if traces is not None:
            return plot_traces(self, traces, **options)
        return plot_points(self, metric, **options)

    def to_pandas(self) -> Any:
        """A DataFrame with a row an attempt; needs pandas."""
        header, rows = self._cells(full=True)
        return frame(header, rows)

    def table(self) -> Table:
        """What is shown."""
        return Table.of(*self._cells(full=False))

    def __str__(self) -> str:
        return "\n".join([str(self.table()), *self.notes()])

    def notes(self) -> list[str]:
        """What is said below the table."""
        return [str(self.left_out)] if self.left_out else []

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_() + paragraphs(self.notes())

    def _cells(self, *, full: bool) -> tuple[list[str], list[list[Any]]]:
        facts = _FACTS if full else _SHOWN
        told = named_apart(facts, self.parameters, "attempt")  # the last is rref
        metrics = named_apart(self.metrics, [*self.parameters, *told], "metric")
        header = [*self.parameters, *told[:-1], *metrics, told[-1]]
        last = facts["rref"]
        rows = [
            [
                *(
                    row.parameters.get(name) if full else cell(row.parameters, name)
                    for name in self.parameters
                ),
                *(fact(row.attempt) for name, fact in facts.items() if name != "rref"),
                *(row.metrics.get(name) for name in self.metrics),
                last(row.attempt),
            ]
            for row in self.rows
        ]
        return header, rows


def results(
    *what: Any,
    metrics: str | Iterable[str] | None = None,
    code: Scope = "now",
    store: Store | None = None,
) -> Results:
    """The attempts of stages (all their parameters), stage names, derivations, DRefs or closures.

    `metrics` are names as recorded or files whose first line is a number; default: all recorded.
    Of a stage, those by its code as it is now, of a name, by the code that ran last; what is left
    out is told below the table, and `code="any"` takes it in.

    Raises BadStage when there is nothing to show; BadMetric when no attempt has a metric that was
    asked for, or its file is no number.
    """
    store = store or current_store()
    meant = members(list(what), store, code)
    configs = {dref: store.config(dref) for dref in meant.drefs}
    told = differing(configs, store.config)
    made = [(a, told[dref]) for dref in configs for a in _counted(meant, store, dref)]
    if not made:
        raise BadStage(
            "nothing to show: nothing has been built of these yet",
            derivations=listed(configs, most=10),
            left_out=meant.left_out or None,
            remedy="realize one of them first",
        )
    wanted = [metrics] if isinstance(metrics, str) else list(_all(made, metrics))
    rows = tuple(Result(a, p, _metrics(a, wanted, store)) for a, p in made)
    if metrics is not None:
        _check_found(rows, wanted, meant.left_out)
    names = tuple(dict.fromkeys(n for parameters in told.values() for n in parameters))
    return Results(rows, names, tuple(wanted), store, meant.left_out)


def best(
    what: Any,
    file: str,
    mode: Mode = "max",
    *,
    code: Scope = "now",
    store: Store | None = None,
) -> RRef:
    """The realization with the best metric among all attempts of a stage, name or derivations.

    Only what can be used: not what was rejected, found damaged, or is gone. Ties go by reference.
    By which `code`, is as in `results`; a warning tells of what is left out.
    Raises BadStage when there is none, BadMetric when none has this metric.
    """
    checked_mode(mode)
    store = store or current_store()
    found = results(what, metrics=[file], code=code, store=store)
    tell(found.left_out, f"best of {file}")
    drefs = {row.attempt.dref for row in found}
    usable = {r for dref in drefs for r, state in store.states(dref).items() if state == "here"}
    sign = 1.0 if mode == "max" else -1.0
    ranks = [
        (-sign * row.metrics[file], row.attempt.rref)
        for row in found
        if row.attempt.rref in usable and file in row.metrics
    ]
    if not ranks:
        raise BadStage(f"no realization with a {file} is left", remedy="realize one of them again")
    return min(ranks)[1]


def _counted(meant: Meant, store: Store, dref: DRef) -> list[Attempt]:
    """The attempts that are meant, first to last, but those whose result was rejected (RE1)."""
    rejected = store.rejected(dref)
    return [a for a in meant.attempts(dref, store) if a.rref not in rejected]


def frame(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Any:
    """A pandas DataFrame. Raises PystoreError when pandas is not installed."""
    try:
        import pandas
    except ImportError:
        raise PystoreError("pandas is not installed", remedy="pip install pandas") from None
    return pandas.DataFrame(list(rows), columns=list(header))


def paragraphs(notes: Iterable[str]) -> str:
    """What is said below a table, for notebooks."""
    from html import escape  # only notebooks ask

    return "".join(f"<p>{escape(note)}</p>" for note in notes)


def _all(made: Sequence[tuple[Attempt, Any]], metrics: Iterable[str] | None) -> Iterable[str]:
    if metrics is not None:
        return dict.fromkeys(metrics)
    return sorted({name for attempt, _ in made for name in attempt.metrics})


def _metrics(attempt: Attempt, wanted: Sequence[str], store: Store) -> dict[str, float]:
    found = {}
    for name in wanted:
        number = attempt.metrics.get(name)
        if number is None and attempt.rref is not None:
            number = _from_file(attempt.rref, name, store)
        if number is not None and math.isfinite(number):
            found[name] = number
    return found


def _from_file(rref: RRef, name: str, store: Store) -> float | None:
    """The number on the first line of an artifact; None where there is no such file (RE3)."""
    try:
        parts = [check_part(part) for part in name.split("/")]
        with store.open(rref, "/".join(parts)) as file:
            line = file.readline(1000)
    except (BadRef, OSError):
        return None
    try:
        return float(line)
    except ValueError:
        raise BadMetric(
            f"{name} is no number",
            rref=rref,
            first_line=ascii(line.decode("utf-8", "replace"))[:100],
            remedy=f"write one number on the first line: accuracy.write_text(f'{{score}}'); or "
            f"reject(rref, 'no {name}') what does not count",
        ) from None


def _check_found(rows: Sequence[Result], wanted: Sequence[str], left_out: LeftOut) -> None:
    made = [row.attempt for row in rows if row.attempt.succeeded]
    for name in wanted:
        if made and not any(name in row.metrics for row in rows):
            there = sorted({known for attempt in made for known in attempt.metrics})
            raise BadMetric(
                f"no attempt has the metric {name!r}",
                there_are=listed(there) or "none",
                left_out=left_out or None,
                remedy="name one that there is, or write it in the stage: a file with one number",
            )


_SHOWN: dict[str, Callable[[Attempt], Any]] = {
    "attempt": lambda a: a.number,
    "outcome": lambda a: a.outcome,
    "seconds": lambda a: f"{a.duration:.2f}",
    "rref": lambda a: a.rref and a.rref[:13],
}

_FACTS: dict[str, Callable[[Attempt], Any]] = {
    "attempt": lambda a: a.number,
    "outcome": lambda a: a.outcome,
    "seed": lambda a: a.seed,
    "start": lambda a: datetime.fromtimestamp(a.start / 1e9, UTC),
    "seconds": lambda a: a.duration,
    "dref": lambda a: str(a.dref),
    "rref": lambda a: a.rref and str(a.rref),
}
