"""Results: the metrics of the attempts of some derivations, one row an attempt.

RE1  Rejected results are not among them; in a summary each training counts once.
RE2  Failed attempts are rows and are counted, and their metrics enter no mean.
RE3  A number that is missing is never taken for another: it is counted as missing, or an error.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...core.errors import BadMetric, BadRef, BadStage
from ...core.extremes import Over, checked_over, extremes_of, value_over
from ...core.left_out import NOTHING, LeftOut
from ...core.options import Mode, Scope, checked_mode
from ...core.printable import listed
from ...core.refs import DRef, RRef, check_part
from ...declare.parameters import cell
from ...store.current import current_store
from ...store.store import Store
from .differing import differing
from .family import members, tell
from .meant import Meant
from .plot import plot_points
from .result import Result, best_of
from .summary import Summary, summarize
from .table import Table, Tabular, frame, named_apart
from .traces import Traces, traces_of

Facts = Mapping[str, Callable[[Attempt], Any]]
"""Columns of a table of attempts; the last is rref."""


@dataclass(frozen=True, repr=False)
class Results(Tabular):
    """Attempts and their metrics; prints as a table."""

    rows: tuple[Result, ...]
    parameters: tuple[str, ...]  # the names of the parameters that differ
    metrics: tuple[str, ...]
    store: Store
    left_out: LeftOut = NOTHING  # attempts of the same names by other code
    over: Over | None = None  # which value of a metric over its steps counts

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.rows)

    def summary(
        self, metric: str | None = None, *, over: str | Iterable[str] = (), mode: Mode = "max"
    ) -> Summary:
        """Attempts with equal parameters as one row: n, failed, mean, std, 95 %, min, max, best.

        `metric` is one of `metrics` (default: all). `over` names parameters that make no group of
        their own, such as a seed. The best is the highest number; with `mode="min"`, the lowest.
        """
        if metric is not None and metric not in self.metrics:
            raise BadMetric(
                f"these results have no metric {metric!r}",
                there_are=listed(self.metrics) or "none",
                remedy=f"results(…, metrics=[{metric!r}])",
            )
        metrics = self.metrics if metric is None else (metric,)
        return summarize(
            self.rows,
            self.parameters,
            metrics,
            over=[over] if isinstance(over, str) else list(over),
            mode=checked_mode(mode),
            store=self.store,
            left_out=self.left_out,
        )

    def traces(self, metric: str) -> Traces:
        """The values of a metric over the steps of all attempts, a row a step.

        Raises BadMetric when no attempt has told this metric at a step.
        """
        found = traces_of(self, self.parameters, self.store)
        if metric not in found:
            raise BadMetric(
                f"no attempt has a trace of {metric!r}",
                there_are=listed(sorted(found)) or "none",
                remedy="tell it in the stage: build_metric(b, name, value, step=…)",
            )
        return found[metric]

    def plot(
        self,
        metric: str | None = None,
        *,
        traces: str | None = None,
        over: str | Iterable[str] = (),
        axes: Any = None,
    ) -> Any:
        """Points and the 95 % interval of each config, or the `traces` of a metric over its steps.

        Returns matplotlib's Axes, which are `axes` if given. Takes `over` as `summary` does.
        """
        if traces is not None:
            return self.traces(traces).plot(over=over, axes=axes)
        return plot_points(self.summary(metric or self._only_metric(), over=over), axes)

    def _only_metric(self) -> str:
        if len(self.metrics) == 1:
            return self.metrics[0]
        raise BadMetric(
            "which metric is to be plotted?",
            there_are=listed(self.metrics) or "none",
            remedy="name it: results(…).plot('accuracy.txt')",
        )

    def to_pandas(self) -> Any:
        """A DataFrame with a row an attempt; needs pandas."""
        return frame(*self._cells(_FACTS, lambda own, name: own.get(name)))

    def table(self) -> Table:
        """The table as it is printed."""
        return Table.of(*self._cells(_SHOWN, cell))

    def notes(self) -> list[str]:
        """The lines below the table."""
        return [str(self.left_out)] if self.left_out else []

    def _cells(self, facts: Facts, parameter: Callable[..., Any]) -> tuple[list[str], list[Any]]:
        told = named_apart(facts, self.parameters, "attempt")
        metrics = named_apart(self.metrics, [*self.parameters, *told], "metric")
        *facts_before, rref = facts.values()
        rows = [
            [
                *(parameter(row.parameters, name) for name in self.parameters),
                *(fact(row.attempt) for fact in facts_before),
                *(row.metrics.get(name) for name in self.metrics),
                rref(row.attempt),
            ]
            for row in self.rows
        ]
        return [*self.parameters, *told[:-1], *metrics, told[-1]], rows


def results(
    *what: Any,
    metrics: str | Iterable[str] | None = None,
    over: Over | None = None,
    code: Scope = "now",
    store: Store | None = None,
) -> Results:
    """The attempts of stages (all their parameters), stage names, derivations, DRefs or closures.

    `metrics` are names as recorded or files whose first line is a number; default: all recorded.
    A stage stands for the attempts by its code as it is now, a name for those by the code that ran
    last. A note below the table counts the others; `code="any"` takes them in. Of a metric that was
    told at steps, the last value counts; with `over="max"` the highest of all steps, with
    `over="min"` the lowest.

    Raises BadStage when there is nothing to show; BadMetric when no attempt has a metric that was
    asked for, or its file is no number.
    """
    checked_over(over)
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
    wanted = [metrics] if isinstance(metrics, str) else list(_all(made, metrics, over))
    rows = tuple(Result(a, p, _metrics(a, wanted, store, over)) for a, p in made)
    if metrics is not None:
        _check_found(rows, wanted, meant.left_out)
    names = tuple(dict.fromkeys(n for parameters in told.values() for n in parameters))
    return Results(rows, names, tuple(wanted), store, meant.left_out, over)


def best(
    what: Any,
    file: str,
    mode: Mode = "max",
    *,
    over: Over | None = None,
    code: Scope = "now",
    store: Store | None = None,
) -> RRef:
    """The realization with the best metric among all attempts of a stage, name or derivations.

    A realization that was rejected, found damaged, or is gone does not count. Of equal ones the
    first by reference is taken. `over` and `code` are those of `results`; a warning counts what is
    left out.
    Raises BadStage when there is none, BadMetric when none has this metric.
    """
    checked_mode(mode)
    store = store or current_store()
    found = results(what, metrics=[file], over=over, code=code, store=store)
    tell(found.left_out, f"best of {file}")
    drefs = {row.attempt.dref for row in found}
    usable = {r for dref in drefs for r, state in store.states(dref).items() if state == "here"}
    best = best_of((row for row in found if row.attempt.rref in usable), file, mode)
    if best is None:
        raise BadStage(f"no realization with a {file} is left", remedy="realize one of them again")
    return best


def _counted(meant: Meant, store: Store, dref: DRef) -> list[Attempt]:
    """The attempts that are meant, first to last, without those with a rejected result (RE1)."""
    rejected = store.rejected(dref)
    return [a for a in meant.attempts(dref, store) if a.rref not in rejected]


def _all(
    made: Sequence[tuple[Attempt, Any]], metrics: Iterable[str] | None, over: Over | None
) -> Iterable[str]:
    if metrics is not None:
        return dict.fromkeys(metrics)
    # A metric that has diverged may have had a best step.
    more = {name for a, _ in made for name in a.extremes or ()} if over in ("max", "min") else set()
    return sorted(more.union(*(attempt.metrics for attempt, _ in made)))


def _metrics(
    attempt: Attempt, wanted: Sequence[str], store: Store, over: Over | None
) -> dict[str, float]:
    if over in ("max", "min") and attempt.extremes is None:  # it has not ended, or is of before
        attempt = attempt._replace(extremes=extremes_of(store.trace(attempt)))
    found = {}
    for name in wanted:
        number = value_over(attempt, name, over)
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


_SHOWN: Facts = {
    "attempt": lambda a: a.number,
    "outcome": lambda a: a.outcome,
    "seconds": lambda a: f"{a.duration:.2f}",
    "rref": lambda a: a.rref and a.rref[:13],
}

_FACTS: Facts = {
    "attempt": lambda a: a.number,
    "outcome": lambda a: a.outcome,
    "seed": lambda a: a.seed,
    "start": lambda a: datetime.fromtimestamp(a.start / 1e9, UTC),
    "seconds": lambda a: a.duration,
    "dref": lambda a: str(a.dref),
    "rref": lambda a: a.rref and str(a.rref),
}
