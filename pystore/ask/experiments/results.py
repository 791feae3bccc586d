"""Results: the metrics of the attempts of some derivations, one row an attempt.

RE1  Rejected results are not among them, and a note counts these; in a summary each training
     counts once.
RE2  Failed attempts are rows and are counted, and their metrics enter no mean.
RE3  A number that is missing is never taken for another: it is counted as missing, or an error.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from ...core.attempt import Attempt
from ...core.config import Config
from ...core.dataclasses import dataclass
from ...core.errors import BadMetric, BadStage
from ...core.extremes import Over, checked_over
from ...core.holding import Holding
from ...core.instants import utc
from ...core.left_out import NOTHING, LeftOut
from ...core.options import Mode, Scope, checked_mode
from ...core.printable import listed
from ...core.refs import DRef, RRef
from ...declare.parameters import cell
from ...store.current import current_store
from ...store.store import Store
from ..finding.conditions import Where, conditions
from ..finding.values import Values, fitting_places
from .chosen import Chosen, best_place, numbers_of, recorded
from .differing import differing
from .family import members, tell
from .plot import plot_points
from .result import Result
from .summary import Summary, of_rejected, summarize
from .table import Table, Tabular, frame, named_apart
from .traces import Traces, traces_of

Facts = Mapping[str, Callable[[Attempt], Any]]
"""Columns of a table of attempts; the last is rref."""


@dataclass(frozen=True, repr=False)
class Results(Tabular):
    """Attempts and their metrics; prints as a table."""

    chosen: tuple[Chosen, ...]
    parameters: tuple[str, ...]  # the names of the parameters that differ
    metrics: tuple[str, ...]
    store: Store
    left_out: LeftOut = NOTHING  # attempts of the same names by other code
    over: Over | None = None  # which value of a metric over its steps counts
    rejected: int = 0  # attempts that do not count, since their results were rejected

    @cached_property
    def rows(self) -> tuple[Result, ...]:
        """The attempts with all that their records say, a row each."""
        return tuple(row for one in self.chosen for row in one.rows(self.store))

    def __len__(self) -> int:
        return sum(len(one.places) for one in self.chosen)

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
            self.chosen,
            self.parameters,
            metrics,
            over=[over] if isinstance(over, str) else list(over),
            mode=checked_mode(mode),
            store=self.store,
            left_out=self.left_out,
            rejected=self.rejected,
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
        return [*of_rejected(self.rejected), *([str(self.left_out)] if self.left_out else [])]

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
    where: Where | None = None,
    over: Over | None = None,
    code: Scope = "now",
    store: Store | None = None,
) -> Results:
    """The attempts of stages (all their parameters), stage names, derivations, DRefs or closures.

    `metrics` are names as recorded or files whose first line is a number; default: all recorded.
    `where` has conditions: `"epochs=3 accuracy.txt>0.9"`, or values by name. A stage stands for
    the attempts by its code as it is now, a name for those by the code that ran last. A note below
    the table counts the others; `code="any"` takes them in. Of a metric that was told at steps, the
    last value counts; with `over="max"` the highest of all steps, with `over="min"` the lowest.

    Raises BadStage when there is nothing to show, or a condition names nothing; BadMetric when no
    attempt has a metric that was asked for, or its file is no number.
    """
    store = current_store(store)
    return _results(list(what), metrics, where, over, code, store)


def _results(
    what: list[Any],
    metrics: str | Iterable[str] | None,
    where: Where | None,
    over: Over | None,
    code: Scope,
    store: Store,
    *,
    told_apart: bool = True,
) -> Results:
    """What `results` returns; unless `told_apart`, without parameters."""
    checked_over(over)
    meant = members(what, store, code)
    held = meant.holdings(store)
    places = {dref: meant.places(one) for dref, one in held.items()}
    rejected: Mapping[DRef, Sequence[int]] = {
        dref: _rejected(one, places[dref]) for dref, one in held.items() if one.rejected
    }
    for dref, some in rejected.items():
        without = frozenset(some)
        places[dref] = [at for at in places[dref] if at not in without]
    if not any(places.values()):
        raise BadStage(
            "nothing to show: nothing has been built of these yet",
            derivations=listed(held, most=10),
            left_out=meant.left_out or None,
            rejected=sum(map(len, rejected.values())) or None,
            remedy="realize one of them first",
        )
    if where is not None:
        values, wanted_ones = Values(held, store), conditions(where)
        fitting = fitting_places(places, values, wanted_ones)
        places = {dref: some for dref, some in fitting.items() if some}
        rejected = rejected and fitting_places(rejected, values, wanted_ones)
    told = _told(held, places, store) if told_apart else {}
    named = [metrics] if isinstance(metrics, str) else metrics
    wanted = tuple(
        dict.fromkeys(named) if named is not None else _recorded(held, places, store, over)
    )
    numbers = partial(numbers_of, names=wanted, store=store, over=over)
    chosen = tuple(
        Chosen(held[dref], some, told.get(dref, {}), numbers(held[dref].attempts, some))
        for dref, some in places.items()
    )
    if metrics is not None:
        _check_found(chosen, wanted, meant.left_out, store)
    names = tuple(dict.fromkeys(n for parameters in told.values() for n in parameters))
    count = sum(map(len, rejected.values()))
    return Results(chosen, names, wanted, store, meant.left_out, over, count)


def best(
    what: Any,
    file: str,
    mode: Mode = "max",
    *,
    where: Where | None = None,
    over: Over | None = None,
    code: Scope = "now",
    store: Store | None = None,
) -> RRef:
    """The realization with the best metric among all attempts of a stage, name or derivations.

    A realization that was rejected, found damaged, or is gone does not count. Of equal ones the
    first by reference is taken. `where`, `over` and `code` are those of `results`; a warning counts
    what is left out. Raises BadStage when there is none, BadMetric when none has this metric.
    """
    checked_mode(mode)
    store = current_store(store)
    found = _results([what], [file], where, over, code, store, told_apart=False)
    tell(found.left_out, f"best of {file}")
    best = best_place(((one, one.places) for one in found.chosen), file, mode)
    if best is not None and not _is_usable(best, found.chosen):
        best = best_place(((one, _usable(one)) for one in found.chosen), file, mode)
    if best is None:
        raise BadStage(
            f"no realization with a {file} is left",
            where=None if where is None else ascii(where)[:200],
            remedy="realize one of them again" + (", or ask for less" if where else ""),
        )
    return best


def _is_usable(rref: RRef, chosen: Iterable[Chosen]) -> bool:
    return any(rref.digest in one.held.usable for one in chosen if one.held.dref == rref.dref)


def _usable(one: Chosen) -> Sequence[int]:
    """The attempts whose realization is here, and neither rejected nor damaged."""
    usable, made = one.held.usable, list(one.tries.made)
    return [at for at in one.places if made[at] in usable]


def _rejected(held: Holding, places: Sequence[int]) -> list[int]:
    """Those of these attempts whose results were rejected (RE1)."""
    return [at for at in places if held.attempts.made[at] in held.rejected]


def _told(
    held: Mapping[DRef, Holding], drefs: Iterable[DRef], store: Store
) -> dict[DRef, dict[str, Any]]:
    """The parameters in which these derivations differ."""

    def config_of(dref: DRef) -> Config:
        known = held.get(dref)
        return (known and known.config) or store.config(dref)

    return differing({dref: config_of(dref) for dref in drefs}, config_of)


def _recorded(
    held: Mapping[DRef, Holding],
    places: Mapping[DRef, Sequence[int]],
    store: Store,
    over: Over | None,
) -> list[str]:
    found = (recorded(held[dref].attempts, some, store, over) for dref, some in places.items())
    return sorted(set().union(*found))


def _check_found(
    chosen: Sequence[Chosen], wanted: Sequence[str], left_out: LeftOut, store: Store
) -> None:
    for name in wanted:
        if any(one.has(name) for one in chosen):
            continue
        if made := [(one, places) for one in chosen if (places := one.succeeded())]:
            there = sorted(set().union(*(recorded(one.tries, some, store) for one, some in made)))
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
    "start": lambda a: utc(a.start),
    "seconds": lambda a: a.duration,
    "dref": lambda a: str(a.dref),
    "rref": lambda a: a.rref and str(a.rref),
}
