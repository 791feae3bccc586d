"""Summary: attempts with equal parameters as one row, with their statistics."""

import math
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...core.errors import BadStage
from ...core.left_out import NOTHING, LeftOut
from ...core.note import tags_among
from ...core.options import Mode
from ...core.printable import listed
from ...core.refs import DRef, RRef
from ...core.same_run import distinct, run_of
from ...core.statistics import Picked, Statistics, picked_best
from ...declare.parameters import ABSENT, Parameters, cell
from ...store.notes import notes_of
from ...store.store import Store
from .inputs import names_of, parameter_of, within
from .result import Result, best_of
from .table import Table, Tabular, decimals, fixed, frame, interval, named_apart, written

_NUMBERS = ("mean", "std", "low", "high", "min", "max")


@dataclass(frozen=True)
class Group:
    """The attempts of one config, or of several that differ only in what was summed over."""

    parameters: Parameters
    metric: str  # "" when nothing was measured
    drefs: tuple[DRef, ...]
    values: tuple[float, ...]  # first to last
    failed: int  # attempts that failed or died
    missing: int  # attempts that succeeded without this metric
    best: RRef | None
    tags: tuple[str, ...] = ()  # of its derivations, and of all in them

    @cached_property
    def statistics(self) -> Statistics:
        """n, mean, std, 95 % interval, min and max of the values."""
        return Statistics.of(self.values)

    @property
    def label(self) -> str:
        """Its parameters on one line."""
        return " ".join(f"{name}={written(value)}" for name, value in self.parameters.items())

    def to_dict(self) -> dict[str, Any]:
        """The group for programs, as `pystore metrics --json` prints it.

        `metric` ("" when nothing was measured), `parameters` by dotted name, `drefs`, `n`,
        `failed`, `missing`, `mean`, `std`, `low` and `high` of the 95 % interval, `min`, `max`,
        `best`, an rref, and `tags`. What is not known is null.
        """
        numbers = {name: getattr(self.statistics, name) for name in _NUMBERS}
        return {
            "metric": self.metric,
            "parameters": dict(self.parameters),
            "drefs": list(self.drefs),
            "n": self.statistics.n,
            "failed": self.failed,
            "missing": self.missing,
            **{name: x if math.isfinite(x) else None for name, x in numbers.items()},
            "best": self.best,
            "tags": list(self.tags),
        }


@dataclass(frozen=True, repr=False)
class Summary(Tabular):
    """Groups of attempts; prints as a table."""

    groups: tuple[Group, ...]
    parameters: tuple[str, ...]
    mode: Mode
    left_out: LeftOut = NOTHING  # attempts of the same names by other code
    repeats: tuple[str, ...] = ()  # notes about attempts that had the seed of another

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
        told = ["metric", "n", "failed", "missing", *_NUMBERS, "best"]
        metric, *others = named_apart(told, self.parameters, "statistic")
        header = [metric, *self.parameters, *others]
        rows = [
            [g.metric, *self._parameters(g), g.statistics.n, g.failed, g.missing]
            + [getattr(g.statistics, name) for name in _NUMBERS]
            + [g.best and str(g.best)]
            for g in self.groups
        ]
        return frame(header, rows)

    def table(self, **options: Any) -> Table:
        """The table as it is printed, without columns that say nothing.

        Takes the options of `Table.of`.
        """
        several = len({group.metric for group in self.groups}) > 1
        missing = any(group.missing for group in self.groups)
        places = self._places()
        told = ["metric", "n", "failed", *(["missing"] if missing else [])]
        tagged = any(group.tags for group in self.groups)
        told += ["mean", "std", "95%", "min", "max", *(["tags"] if tagged else []), "best"]
        name, *others = named_apart(told, self.parameters, "statistic")
        header = [*([name] if several else []), *self.parameters, *others]
        rows = []
        for g in self.groups:
            parameters = [cell(g.parameters, name) for name in self.parameters]
            row = [*([g.metric] if several else []), *parameters, g.statistics.n, g.failed]
            row += [g.missing] if missing else []
            row += _cells(g, places[g.metric])
            row += [" ".join(g.tags)] if tagged else []
            rows.append([*row, g.best[:13] if g.best else ""])
        return Table.of(header, rows, **options)

    def notes(self) -> list[str]:
        """The lines below the table."""
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
        """The number of decimals of each metric."""
        spreads: dict[str, list[float]] = {}
        for group in self.groups:
            spreads.setdefault(group.metric, []).append(group.statistics.std)
        return {metric: decimals(found) for metric, found in spreads.items()}

    def _parameters(self, group: Group) -> list[Any]:
        return [group.parameters.get(name) for name in self.parameters]


def summarize(
    rows: Sequence[Result],
    parameters: Sequence[str],
    metrics: Sequence[str],
    *,
    over: Sequence[str],
    mode: Mode,
    store: Store,
    left_out: LeftOut,
) -> Summary:
    """The summary of these rows, which differ in these parameters.

    Raises BadStage when a name in `over` is no parameter.
    """
    _check_over(over, rows, parameters, store)
    names = tuple(name for name in parameters if not within(name, *over))
    groups: dict[str, list[Result]] = {}
    for row in rows:
        own = {n: row.parameters[n] for n in names if n in row.parameters}
        groups.setdefault(repr(own), []).append(row)
    ordered = sorted(groups.values(), key=lambda some: _order(some[0], names))
    tags = {id(some): _tags(some, store) for some in ordered}
    found = tuple(
        _group(some, names, m, mode, tags[id(some)]) for m in metrics or [""] for some in ordered
    )
    apart = any(map(store.has_imported, {row.attempt.dref for row in rows}))
    told = tuple(_repeats((row.attempt for row in rows), apart=apart))
    return Summary(found, names, mode, left_out, told)


def _tags(rows: Sequence[Result], store: Store) -> tuple[str, ...]:
    drefs = dict.fromkeys(row.attempt.dref for row in rows)
    return tags_among(note for dref in drefs for note in notes_of(store, dref))


def _group(
    rows: Sequence[Result], names: Sequence[str], metric: str, mode: Mode, tags: tuple[str, ...]
) -> Group:
    of = {id(row.attempt): row for row in rows}
    made = [of[id(attempt)] for attempt in distinct(row.attempt for row in rows)]
    scored = [row for row in made if metric in row.metrics]
    return Group(
        {name: rows[0].parameters[name] for name in names if name in rows[0].parameters},
        metric,
        tuple(dict.fromkeys(row.attempt.dref for row in rows)),
        tuple(row.metrics[metric] for row in scored),
        sum(row.attempt.outcome in ("failed", "died") for row in rows),
        len(made) - len(scored),
        best_of(scored, metric, mode),
        tags,
    )


def _order(row: Result, names: Sequence[str]) -> list[tuple[int, float, str]]:
    """Orders rows by their parameters: absent ones first, then numbers by size, then text."""
    values = [row.parameters.get(name) for name in names]
    return [
        (1, float(v), "") if isinstance(v, (int, float)) else (2 if v else 0, 0.0, str(v))
        for v in values
    ]


def _cells(group: Group, places: int) -> list[str]:
    s = group.statistics
    mean, std, least, most = (fixed(x, places) for x in (s.mean, s.std, s.min, s.max))
    return [mean, std, interval(s.low, s.high, places), least, most]


def _check_over(
    over: Sequence[str], rows: Sequence[Result], parameters: Sequence[str], store: Store
) -> None:
    """Raises BadStage when a name is no parameter. A parameter need not differ."""
    config_of = store.config
    configs = [config_of(dref) for dref in {row.attempt.dref for row in rows}]
    for name in over:
        if any(within(parameter, name) for parameter in parameters):
            continue
        if all(parameter_of(config, name, config_of) is ABSENT for config in configs):
            known = dict.fromkeys(n for config in configs for n in names_of(config, config_of))
            raise BadStage(
                f"over={name!r} is no parameter of these",
                these_differ=listed(parameters) or "none",
                closest=listed(get_close_matches(name, known)) or None,
                remedy="name one of them; nested parameters, and those of inputs, are dotted: "
                "optimizer.rate, data.seed",
            )


def _repeats(attempts: Iterable[Attempt], *, apart: bool) -> list[str]:
    """Notes about attempts that had the seed of another attempt; none if all seeds differ.

    Copies of one training, such as adopted ones, are no repeats. `apart` says that some attempts
    ran in another store. They would have had other seeds if their store had its own.
    """
    made = list({run_of(a): a for a in attempts if a.succeeded}.values())
    seeds = {(a.dref, a.context, a.seed) for a in made}
    if len(seeds) == len(made):
        return []
    n, told = len(distinct(made)), []
    if n < len(made):
        told.append(f"{len(made):,} attempts are n = {n:,}: equal seeds gave equal results")
    if n > len(seeds):
        told.append(f"of n = {n:,}, {n - len(seeds):,} had the seed of another, and are like it")
    remedy = ["`pystore init --seeds own` makes a store whose seeds are its own"] if apart else []
    return ["; ".join([*told, *remedy])]
