"""Summary: attempts with equal parameters as one row, with what one may conclude."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from ...core.errors import BadMetric, BadStage
from ...core.left_out import NOTHING, LeftOut
from ...core.options import Mode, checked_mode
from ...core.printable import listed
from ...core.refs import DRef, RRef
from ...core.same_run import distinct
from ...core.statistics import Picked, Statistics, picked_best
from ...declare.parameters import ABSENT, Parameters, cell
from .inputs import names_of, parameter_of, within
from .repeats import repeats
from .results import Result, Results, frame, paragraphs
from .table import Table, decimals, named_apart, written


@dataclass(frozen=True)
class Group:
    """The attempts of one config, or of several that differ in what was summed over only."""

    parameters: Parameters
    metric: str  # "" when nothing was measured
    drefs: tuple[DRef, ...]
    values: tuple[float, ...]  # first to last
    failed: int  # attempts that failed or died
    missing: int  # attempts that succeeded without this metric
    best: RRef | None

    @cached_property
    def statistics(self) -> Statistics:
        """n, mean, std, 95 % interval, min and max of the values."""
        return Statistics.of(self.values)

    @property
    def label(self) -> str:
        """Its parameters on one line."""
        return " ".join(f"{name}={written(value)}" for name, value in self.parameters.items())


@dataclass(frozen=True)
class Summary:
    """Groups of attempts; prints as a table."""

    groups: tuple[Group, ...]
    parameters: tuple[str, ...]
    mode: Mode
    left_out: LeftOut = NOTHING  # of what has these names, and is by other code
    repeats: tuple[str, ...] = ()  # what is to be said of attempts that had one seed

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)

    def __getitem__(self, index: int) -> Group:
        return self.groups[index]

    def picked(self) -> tuple[Group, Picked] | None:
        """The group with the best mean, and that mean corrected for having been picked.

        None when there is nothing to choose from: one group, or several metrics.
        """
        groups = [group for group in self.groups if group.values]
        if len(groups) < 2 or len({group.metric for group in groups}) > 1:
            return None
        picked = picked_best([group.values for group in groups], self.mode)
        return groups[picked.index], picked

    def to_pandas(self) -> Any:
        """A DataFrame with a row a group; needs pandas."""
        told = ["metric", "n", "failed", "missing"]
        told += ["mean", "std", "low", "high", "min", "max", "best"]
        metric, *others = named_apart(told, self.parameters, "statistic")
        header = [metric, *self.parameters, *others]
        rows = [
            [g.metric, *self._parameters(g), g.statistics.n, g.failed, g.missing]
            + [getattr(g.statistics, name) for name in ("mean", "std", "low", "high", "min", "max")]
            + [g.best and str(g.best)]
            for g in self.groups
        ]
        return frame(header, rows)

    def table(self, **options: Any) -> Table:
        """What is shown: columns that say nothing are left out. Takes the options of `Table.of`."""
        several = len({group.metric for group in self.groups}) > 1
        missing = any(group.missing for group in self.groups)
        places = self._places()
        told = ["metric", "n", "failed", *(["missing"] if missing else [])]
        told += ["mean", "std", "95%", "min", "max", "best"]
        name, *others = named_apart(told, self.parameters, "statistic")
        header = [*([name] if several else []), *self.parameters, *others]
        rows = []
        for g in self.groups:
            parameters = [cell(g.parameters, name) for name in self.parameters]
            row = [*([g.metric] if several else []), *parameters, g.statistics.n, g.failed]
            row += [g.missing] if missing else []
            rows.append(row + _shown(g, places[g.metric]))
        return Table.of(header, rows, **options)

    def __str__(self) -> str:
        return "\n".join([str(self.table()), *self.notes()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_() + paragraphs(self.notes())

    def notes(self) -> list[str]:
        """What is said below the table."""
        left_out = [str(self.left_out)] if self.left_out else []
        return [*self._of_pick(), *self.repeats, *left_out]

    def _of_pick(self) -> list[str]:
        found = self.picked()
        if found is None:
            return []
        group, picked = found
        places = self._places()[group.metric] + 1
        corrected = (
            "correcting for the pick takes 2 attempts of each"
            if math.isnan(picked.corrected)
            else f"{picked.corrected:.{places}f} when corrected for having been picked"
        )
        best = f"{group.label}, {picked.mean:.{places}f}"
        count = sum(bool(group.values) for group in self.groups)
        return [f"best of {count} by its mean: {best}; {corrected}"]

    def _places(self) -> dict[str, int]:
        """The decimals that each metric is shown with."""
        spreads: dict[str, list[float]] = {}
        for group in self.groups:
            spreads.setdefault(group.metric, []).append(group.statistics.std)
        return {metric: decimals(found) for metric, found in spreads.items()}

    def _parameters(self, group: Group) -> list[Any]:
        return [group.parameters.get(name) for name in self.parameters]


def summarize(
    results: Results, metric: str | None, over: str | Iterable[str], mode: Mode
) -> Summary:
    """The summary of these results."""
    checked_mode(mode)
    pooled = [over] if isinstance(over, str) else list(over)
    _check_over(pooled, results)
    if metric is not None and metric not in results.metrics:
        raise BadMetric(
            f"these results have no metric {metric!r}",
            there_are=listed(results.metrics) or "none",
            remedy=f"results(…, metrics=[{metric!r}])",
        )
    names = tuple(name for name in results.parameters if not within(name, *pooled))
    groups: dict[str, list[Result]] = {}
    for row in results:
        parameters = {n: row.parameters[n] for n in names if n in row.parameters}
        groups.setdefault(repr(parameters), []).append(row)
    ordered = sorted(groups.values(), key=lambda rows: _order(rows[0], names))
    metrics = [metric] if metric is not None else list(results.metrics) or [""]
    shown = tuple(_group(rows, names, name, mode) for name in metrics for rows in ordered)
    apart = any(map(results.store.has_imported, {row.attempt.dref for row in results}))
    told = tuple(repeats((row.attempt for row in results), apart=apart))
    return Summary(shown, names, mode, results.left_out, told)


def _group(rows: Sequence[Result], names: Sequence[str], metric: str, mode: Mode) -> Group:
    of = {id(row.attempt): row for row in rows}
    made = [of[id(attempt)] for attempt in distinct(row.attempt for row in rows)]
    scored = [row for row in made if metric in row.metrics]
    sign = 1.0 if mode == "max" else -1.0
    ranks = [(-sign * row.metrics[metric], row.attempt.rref) for row in scored if row.attempt.rref]
    return Group(
        {name: rows[0].parameters[name] for name in names if name in rows[0].parameters},
        metric,
        tuple(dict.fromkeys(row.attempt.dref for row in rows)),
        tuple(row.metrics[metric] for row in scored),
        sum(row.attempt.outcome in ("failed", "died") for row in rows),
        len(made) - len(scored),
        min(ranks)[1] if ranks else None,
    )


def _order(row: Result, names: Sequence[str]) -> list[tuple[int, float, str]]:
    """Numbers by size, then text; what is absent first."""
    values = [row.parameters.get(name) for name in names]
    return [
        (1, float(v), "") if isinstance(v, (int, float)) else (2 if v else 0, 0.0, str(v))
        for v in values
    ]


def _shown(group: Group, places: int) -> list[str]:
    found = group.statistics
    mean, std, low, high, least, most = (
        "" if x != x else f"{x:.{places}f}"
        for x in (found.mean, found.std, found.low, found.high, found.min, found.max)
    )
    interval = f"[{low}, {high}]" if low else ""
    return [mean, std, interval, least, most, group.best[:13] if group.best else ""]


def _check_over(names: Sequence[str], results: Results) -> None:
    """Raises BadStage when one is no parameter; one that does not differ is allowed."""
    config_of = results.store.config
    configs = [config_of(dref) for dref in {row.attempt.dref for row in results}]
    for name in names:
        if any(within(parameter, name) for parameter in results.parameters):
            continue
        if all(parameter_of(config, name, config_of) is ABSENT for config in configs):
            known = dict.fromkeys(n for config in configs for n in names_of(config, config_of))
            raise BadStage(
                f"over={name!r} is no parameter of these",
                these_differ=listed(results.parameters) or "none",
                closest=listed(get_close_matches(name, known)) or None,
                remedy="name one of them; nested parameters, and those of inputs, are dotted: "
                "optimizer.rate, data.seed",
            )
