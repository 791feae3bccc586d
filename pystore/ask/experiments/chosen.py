"""Chosen: attempts of one derivation that a table is about, and the numbers that they reached."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeGuard, cast

from ...core.attempt import Attempt
from ...core.attempt_columns import AttemptColumns, listed
from ...core.dataclasses import dataclass
from ...core.extremes import Over, extremes_of
from ...core.holding import Holding
from ...core.machine_usage import is_usage, without_usage
from ...core.options import Mode
from ...core.refs import RRef
from ...declare.parameters import Parameters
from ...store.store import Store
from ..finding.attempts import in_full
from .numbers import number_of
from .result import Result

Numbers = Sequence[float | None]  # of all attempts of a derivation; None where there is none


@dataclass(frozen=True)
class Chosen:
    """Attempts of one derivation."""

    held: Holding
    places: Sequence[int]  # in the columns of the derivation, first to last
    parameters: Parameters  # those that differ
    numbers: Mapping[str, Numbers]  # the metrics that were asked for

    @property
    def tries(self) -> AttemptColumns:
        """All attempts of the derivation."""
        return self.held.attempts

    def has(self, metric: str) -> bool:
        """Whether one of these attempts has this metric, which was asked for."""
        numbers = self.numbers[metric]
        return any(numbers[at] is not None for at in self.places)

    def rows(self, store: Store) -> Iterator[Result]:
        """A row for each attempt, with all that its record says."""
        for at in self.places:
            told = {name: numbers[at] for name, numbers in self.numbers.items()}
            found = {name: number for name, number in told.items() if number is not None}
            attempt = in_full(self.tries, at, store) or self.tries.outline(at)
            yield Result(attempt, self.parameters, found)

    def succeeded(self) -> Sequence[int]:
        """The places of the attempts that succeeded."""
        outcomes = self.tries.outcomes
        if outcomes.count("succeeded") == len(outcomes):
            return self.places
        return [at for at in self.places if outcomes[at] == "succeeded"]


def recorded(
    tries: AttemptColumns, places: Sequence[int], store: Store, over: Over | None = None
) -> set[str]:
    """The names of the metrics that these attempts have recorded."""
    if len(places) == tries.count:
        found = set(tries.metrics)
    else:
        found = {n for n in tries.metrics if any(tries.metric(n)[at] is not None for at in places)}
    if over in ("max", "min"):  # a metric that has diverged may have had a best step
        extremes = (whole(tries, at, store).extremes for at in places)
        found.update(name for told in extremes for name in told or ())
    return found


def numbers_of(
    tries: AttemptColumns,
    places: Sequence[int],
    names: Sequence[str],
    store: Store,
    over: Over | None = None,
) -> Mapping[str, Numbers]:
    """The finite numbers of metrics, as recorded, or from the first line of a file.

    Raises BadMetric if such a file is no number.
    """
    if over in ("max", "min"):
        return _at_steps(tries, places, names, store, over)
    return {name: _at_end(tries, places, name, store) for name in names}


def _at_end(tries: AttemptColumns, places: Sequence[int], name: str, store: Store) -> Numbers:
    column = tries.metric(name)
    if are_numbers(column) and math.isfinite(sum(column)):  # so all of them are finite
        return column
    found: list[float | None] = [None] * tries.count
    for at in places:
        found[at] = number_of(tries.outline(at), name, store)
    return found


def known_numbers(column: Numbers) -> list[float]:
    """The numbers of a column, without None."""
    if are_numbers(column):
        return listed(column)
    return [number for number in column if number is not None]


def are_numbers(column: Numbers) -> TypeGuard[Sequence[float]]:
    """Whether none is None."""
    return isinstance(column, memoryview) or None not in column


def _at_steps(
    tries: AttemptColumns, places: Sequence[int], names: Sequence[str], store: Store, over: Over
) -> Mapping[str, Numbers]:
    """The numbers over steps. Each record is read once for all names of a kind."""
    found: dict[str, list[float | None]] = {name: [None] * tries.count for name in names}
    for usage in (False, True):
        alike = [name for name in names if is_usage(name) is usage]
        for at in places if alike else ():
            attempt = whole(tries, at, store, usage=usage)
            for name in alike:
                found[name][at] = number_of(attempt, name, store, over)
    return found


def whole(tries: AttemptColumns, at: int, store: Store, *, usage: bool = False) -> Attempt:
    """An attempt with its extremes, which a record of before does not have.

    With `usage`, also those of its usage of the machine, which no record has.
    """
    attempt = in_full(tries, at, store) or tries.outline(at)
    if attempt.extremes is None or usage:
        trace = store.trace(attempt)
        told = trace if usage else without_usage(trace, attempt.metrics)
        attempt = attempt._replace(extremes=extremes_of(told))
    return attempt


def best_place(
    places: Iterable[tuple[Chosen, Sequence[int]]], metric: str, mode: Mode
) -> RRef | None:
    """The realization with the best metric, of equal ones the first by reference."""
    sign = -1.0 if mode == "max" else 1.0
    best, found = math.inf, None
    for one, some in places:
        numbers = one.numbers.get(metric, ())
        top, rref = _top(one, some if numbers else (), numbers, sign, best)
        if rref is None:
            continue
        found = rref if found is None or top < best else min(found, rref)
        best = top
    return found


def _top(
    one: Chosen, some: Sequence[int], numbers: Numbers, sign: float, least: float
) -> tuple[float, RRef | None]:
    """The best of some numbers, with its sign, and the first realization that has it.

    None where another one has a number that is better: `least`.
    """
    picked = listed(numbers) if len(some) == len(numbers) else [numbers[at] for at in some]
    told = cast("list[float]", picked) if are_numbers(numbers) else known_numbers(picked)
    if not told:
        return math.inf, None
    top = max(told) if sign < 0 else min(told)
    if sign * top > least:
        return math.inf, None
    made = one.tries.made
    if picked.count(top) == 1:
        best = [made[some[picked.index(top)]]]
    else:
        best = [made[at] for at, number in zip(some, picked, strict=True) if number == top]
    if "" in best:  # no realization: another one is the best
        return _top(one, [at for at in some if made[at]], numbers, sign, least)
    return sign * top, RRef.of(min(best), one.held.dref)
