"""Summary: attempts with equal parameters as one row, with their statistics."""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from ...core.dataclasses import dataclass
from ...core.errors import BadStage
from ...core.left_out import NOTHING, LeftOut
from ...core.near_names import near_names
from ...core.note import tags_among
from ...core.options import Mode
from ...core.printable import counted, listed
from ...core.refs import DRef, RRef
from ...core.statistics import Picked, Statistics, picked_best
from ...declare.parameters import ABSENT, Parameters, cell
from ...store.notes import notes_in
from ...store.store import Store
from .chosen import Chosen, Numbers, best_place, known_numbers
from .inputs import names_of, parameter_of, within
from .table import Table, Tabular, decimals, fixed, frame, interval, named_apart, written
from .trainings import Made, are_apart, repeats, trainings

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
    tags: tuple[str, ...] = ()  # of its derivations, and of all in them that is not rejected

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
    rejected: int = 0  # attempts that do not count, since their results were rejected

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
        places = self._places
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
        return [*self._of_pick(), *self.repeats, *of_rejected(self.rejected), *left_out]

    def _of_pick(self) -> list[str]:
        found = self.picked()
        if found is None:
            return []
        group, picked = found
        places = self._places[group.metric] + 1
        corrected = (
            "correcting for the pick takes 2 attempts of each"
            if math.isnan(picked.corrected)
            else f"{picked.corrected:.{places}f} when corrected for having been picked"
        )
        best = f"{group.label or 'the one without these parameters'}, {picked.mean:.{places}f}"
        count = sum(bool(group.values) for group in self.groups)
        return [f"best of {count} by its mean: {best}; {corrected}"]

    @cached_property
    def _places(self) -> dict[str, int]:
        """The number of decimals of each metric."""
        spreads: dict[str, list[float]] = {}
        for group in self.groups:
            spreads.setdefault(group.metric, []).append(group.statistics.std)
        return {metric: decimals(found) for metric, found in spreads.items()}

    def _parameters(self, group: Group) -> list[Any]:
        return [group.parameters.get(name) for name in self.parameters]


def summarize(
    chosen: Sequence[Chosen],
    parameters: Sequence[str],
    metrics: Sequence[str],
    *,
    over: Sequence[str],
    mode: Mode,
    store: Store,
    left_out: LeftOut,
    rejected: int = 0,
) -> Summary:
    """The summary of these attempts, which differ in these parameters.

    Raises BadStage when a name in `over` is no parameter.
    """
    _check_over(over, chosen, parameters, store)
    names = tuple(name for name in parameters if not within(name, *over))
    groups: dict[str, list[Chosen]] = {}
    for one in chosen:
        if one.places:
            own = {n: one.parameters[n] for n in names if n in one.parameters}
            groups.setdefault(repr(own), []).append(one)
    ordered = sorted(groups.values(), key=lambda some: _order(some[0].parameters, names))
    apart = are_apart(chosen)
    made = [trainings(some, apart=apart or are_apart(some)) for some in ordered]
    tags = [_tags(some, store) for some in ordered]
    found = tuple(
        _group(some, trained, names, metric, mode, tagged)
        for metric in metrics or [""]
        for some, trained, tagged in zip(ordered, made, tags, strict=True)
    )
    told = () if apart else tuple(repeats(chosen))
    return Summary(found, names, mode, left_out, told, rejected)


def of_rejected(count: int) -> list[str]:
    """The line that counts attempts whose results were rejected; none where there are none."""
    if not count:
        return []
    return [f"not counted: {counted(count, 'attempt')} whose result was rejected"]


def _tags(several: Sequence[Chosen], store: Store) -> tuple[str, ...]:
    """The tags of some derivations and of all in them, but for what was rejected."""
    return tags_among(
        note
        for one in several
        for note in notes_in(store, one.held)
        if not (isinstance(note.ref, RRef) and note.ref.digest in one.held.rejected)
    )


def _group(
    several: Sequence[Chosen],
    made: Made,
    names: Sequence[str],
    metric: str,
    mode: Mode,
    tags: tuple[str, ...],
) -> Group:
    told, values = several[0].parameters, list[float]()
    for one, places in made:
        values += known_numbers(_numbers(one, places, metric))
    return Group(
        {name: told[name] for name in names if name in told},
        metric,
        tuple(dict.fromkeys(one.held.dref for one in several)),
        tuple(values),
        sum(_failed(one) for one in several),
        sum(len(places) for _, places in made) - len(values),
        best_place(made, metric, mode),
        tags,
    )


def _numbers(one: Chosen, places: Sequence[int], metric: str) -> Numbers:
    numbers = one.numbers.get(metric, ())
    return numbers if len(numbers) in (0, len(places)) else [numbers[at] for at in places]


def _failed(one: Chosen) -> int:
    outcomes = one.tries.outcomes
    if outcomes.count("succeeded") == len(outcomes):
        return 0
    return sum(outcomes[at] in ("failed", "died") for at in one.places)


def _order(told: Parameters, names: Sequence[str]) -> list[tuple[int, float, str]]:
    """Orders groups by their parameters: absent ones first, then numbers by size, then text."""
    values = [told.get(name) for name in names]
    return [
        (1, float(v), "") if isinstance(v, (int, float)) else (2 if v else 0, 0.0, str(v))
        for v in values
    ]


def _cells(group: Group, places: int) -> list[str]:
    s = group.statistics
    mean, std, least, most = (fixed(x, places) for x in (s.mean, s.std, s.min, s.max))
    return [mean, std, interval(s.low, s.high, places), least, most]


def _check_over(
    over: Sequence[str], chosen: Sequence[Chosen], parameters: Sequence[str], store: Store
) -> None:
    """Raises BadStage when a name is no parameter. A parameter need not differ."""
    config_of = store.config
    for name in over:
        if any(within(parameter, name) for parameter in parameters):
            continue
        configs = [config_of(dref) for dref in {one.held.dref for one in chosen}]
        if all(parameter_of(config, name, config_of) is ABSENT for config in configs):
            known = dict.fromkeys(n for config in configs for n in names_of(config, config_of))
            raise BadStage(
                f"over={name!r} is no parameter of these",
                these_differ=listed(parameters) or "none",
                closest=listed(near_names(name, known)) or None,
                remedy="name one of them; nested parameters, and those of inputs, are dotted: "
                "optimizer.rate, data.seed",
            )
