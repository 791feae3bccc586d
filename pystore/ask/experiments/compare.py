"""Compare: whether one stage is better than another, or was only luckier."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...core.errors import BadMetric, BadStage
from ...core.extremes import Over
from ...core.left_out import NOTHING, LeftOut
from ...core.options import Mode, Scope, checked_mode
from ...core.printable import counted, listed
from ...core.same_run import Runs, distinct
from ...core.statistics import Difference, Statistics, expected_best, paired, welch
from ...declare.parameters import ABSENT
from ...store.current import current_store
from ...store.store import Store
from ..finding.conditions import Where
from .inputs import names_of, parameter_of
from .result import Result
from .results import Results, results
from .table import Table, Tabular, decimals, fixed, interval, named_apart


@dataclass(frozen=True, repr=False)
class Comparison(Tabular):
    """Two sides and how far apart they are; `difference.value` is the mean of a less that of b."""

    metric: str
    a: tuple[float, ...]  # in pairs, if they were paired
    b: tuple[float, ...]
    difference: Difference
    paired: str | None  # the parameter by which attempts were paired
    mode: Mode
    left_out: LeftOut = NOTHING  # attempts of the same names by other code
    unpaired: int = 0  # attempts whose value of `paired` the other side lacks: they do not count
    shared: int = 0  # attempts on both sides, which the test takes for independent

    @property
    def tries(self) -> int:
        """The number of attempts of the side that had fewer."""
        return min(len(self.a), len(self.b))

    def expected_best(self) -> tuple[float, float]:
        """The best of `tries` attempts on average, on each side.

        More attempts give a better best. Where one side had more of them, compare these two
        numbers, and not the best of each side.
        """
        return (
            expected_best(self.a, self.tries, self.mode),
            expected_best(self.b, self.tries, self.mode),
        )

    def to_dict(self) -> dict[str, Any]:
        """The comparison as `pystore compare --json` prints it.

        `metric`, `mode`, `paired` or null; `a` and `b` with `n`, `mean`, `std`, `low`, `high`,
        `best` and `expected_best`; `difference` with `value`, `low`, `high`, `t`, `df` and `p`.
        What too few attempts leave open is null.
        """
        sides = zip("ab", (self.a, self.b), self.expected_best(), strict=True)
        told = {name: self._side(values, best) for name, values, best in sides}
        difference = {name: _known(x) for name, x in asdict(self.difference).items()}
        facts = {"metric": self.metric, "mode": self.mode, "paired": self.paired}
        return {**facts, **told, "difference": difference}

    def _side(self, values: tuple[float, ...], expected: float) -> dict[str, float | None]:
        side = Statistics.of(values)
        numbers = {name: getattr(side, name) for name in ("mean", "std", "low", "high")}
        numbers["best"] = side.max if self.mode == "max" else side.min
        numbers["expected_best"] = expected
        return {"n": side.n, **{name: _known(x) for name, x in numbers.items()}}

    def table(self) -> Table:
        """The two sides as rows."""
        sides = [Statistics.of(self.a), Statistics.of(self.b)]
        places = decimals(side.std for side in sides)
        rows = [
            [
                name,
                side.n,
                *(fixed(x, places) for x in (side.mean, side.std)),
                interval(side.low, side.high, places),
                fixed(side.max if self.mode == "max" else side.min, places),
                fixed(best, places),
            ]
            for name, side, best in zip("ab", sides, self.expected_best(), strict=True)
        ]
        told = ["n", "mean", "std", "95%", "best", f"best of {self.tries}, expected"]
        return Table.of([*named_apart([self.metric], told, "metric"), *told], rows)

    def notes(self) -> list[str]:
        """The lines below the table: the test, and counts of what is left out."""
        told = [self._verdict()]
        if self.shared:
            both = counted(self.shared, "attempt")
            told.append(f"{both} on both sides: interval and p are those of sides apart")
        if self.unpaired:
            lost = counted(self.unpaired, "attempt")
            told.append(f"not counted: {lost} whose {self.paired} is on one side only")
        return [*told, *([str(self.left_out)] if self.left_out else [])]

    @property
    def test(self) -> str:
        """The name of the test."""
        return f"paired by {self.paired}, Student's t" if self.paired else "Welch's t"

    def cells(self) -> list[str]:
        """On one line: n and mean of both sides, `a` less `b`, its 95 % interval, and p."""
        d, sides = self.difference, (self.a, self.b)
        return [
            *(str(len(side)) for side in sides),
            *(fixed(Statistics.of(side).mean, self._places) for side in sides),
            fixed(d.value, self._places),
            interval(d.low, d.high, self._places),
            f"{d.p:.3g}" if d.p == d.p else "too few",
        ]

    @property
    def _places(self) -> int:
        d = self.difference
        return decimals([d.high - d.low, Statistics.of(self.a).std]) + 1

    def _verdict(self) -> str:
        d, places = self.difference, self._places
        if d.p != d.p:
            return f"a - b = {d.value:.{places}f}; too few attempts for a test"
        return (
            f"a - b = {d.value:.{places}f}, 95% {interval(d.low, d.high, places)}; "
            f"{self.test} = {d.t:.2f}, {d.df:.1f} degrees of freedom, p = {d.p:.3g}"
        )


def _known(x: float) -> float | None:
    return x if math.isfinite(x) else None


def compare(
    a: Any,
    b: Any,
    metric: str,
    *,
    paired: str | None = None,
    mode: Mode = "max",
    where: Where | None = None,
    over: Over | None = None,
    code: Scope = "now",
    store: Store | None = None,
) -> Comparison:
    """How far the means of a metric are apart, with interval and p-value: Welch's t-test.

    `where`, `over` and `code` are those of `results`. `paired` names a parameter of both sides,
    such as "seed", or "data.seed" of an input. Attempts with equal values of it belong together,
    and the test is that of their differences; several attempts with one value count as their mean,
    and those with a value that the other side lacks do not count. Where "seed" is no parameter, it
    means the seeds of the attempts, which differ between derivations. Attempts that are on both
    sides, as of a stage and a part of it, are counted in a note: the test takes them for
    independent.

    Raises BadStage when fewer than two pairs are found, BadMetric as `results` does.
    """
    how: dict[str, Any] = {"where": where, "over": over, "code": code, "store": store}
    return comparisons(a, b, [metric], paired=paired, mode=mode, apart=False, **how)[0]


def comparisons(
    a: Any,
    b: Any,
    metrics: Iterable[str] | None = None,
    *,
    paired: str | None = None,
    mode: Mode = "max",
    where: Where | None = None,
    over: Over | None = None,
    apart: bool = True,
    code: Scope = "now",
    store: Store | None = None,
) -> list[Comparison]:
    """A comparison, as by `compare`, of each of these metrics; default: of each that both have.

    Raises as `compare` does; BadMetric when there is no metric that both have; BadStage if the
    sides shall be apart and have an attempt in common.
    """
    checked_mode(mode)
    store = current_store(store)
    asked = None if metrics is None else list(dict.fromkeys(metrics))
    how: dict[str, Any] = {"where": where, "over": over, "code": code, "store": store}
    one, other = (results(side, metrics=asked, **how) for side in (a, b))
    left_out = one.left_out + other.left_out
    found = []
    for metric in _common(one, other) if asked is None else asked:
        left, right = _scored(one, a, metric), _scored(other, b, metric)
        shared = _shared(left, right)
        if shared and apart:
            raise BadStage(
                "the sides of the comparison have attempts in common",
                shared=counted(len(shared), "attempt"),
                such_as=shared[0].rref,
                remedy="name two sides that were trained apart from each other",
            )
        unpaired = 0
        if paired is not None:
            x, y, unpaired = _pairs(left, right, metric, paired, store)
        else:
            x, y = (tuple(row.metrics[metric] for row in side) for side in (left, right))
        test = welch(x, y) if paired is None else _paired(x, y)
        counts = unpaired, len(shared)
        found.append(Comparison(metric, x, y, test, paired, mode, left_out, *counts))
    return found


_paired = paired  # the test; in `comparisons` the name is a parameter


def _scored(found: Results, side: Any, metric: str) -> list[Result]:
    rows = {id(row.attempt): row for row in found if metric in row.metrics}
    scored = [rows[id(a)] for a in distinct(row.attempt for row in rows.values())]
    if not scored:
        raise BadStage(
            "one side of the comparison has no attempt that succeeded",
            side=repr(side)[:200],
            remedy="realize it first",
        )
    return scored


def _common(one: Results, other: Results) -> list[str]:
    """The metrics that attempts on both sides have that succeeded. Raises BadMetric for none."""
    told = [
        {name for row in side if row.attempt.succeeded for name in row.metrics}
        for side in (one, other)
    ]
    if not told[0] & told[1]:
        raise BadMetric(
            "there is no metric that both sides have",
            a=listed(sorted(told[0]), most=10) or "none",
            b=listed(sorted(told[1]), most=10) or "none",
            remedy="name a file whose first line is a number, or other sides",
        )
    return sorted(told[0] & told[1])


def _shared(left: Sequence[Result], right: Sequence[Result]) -> list[Attempt]:
    """The attempts that are on both sides."""
    runs = Runs((row.attempt for row in left), repetitions=False)
    return [row.attempt for row in right if row.attempt in runs]


def _pairs(
    left: Sequence[Result], right: Sequence[Result], metric: str, by: str, store: Store
) -> tuple[tuple[float, ...], tuple[float, ...], int]:
    """The values in pairs, and how many attempts have no partner."""
    one, other = (_by_key(side, metric, by, store) for side in (left, right))
    keys = [key for key in one if key in other]
    if len(keys) < 2:
        raise BadStage(
            f"fewer than two pairs have one {by}",
            metric=metric,
            a=listed(one, most=10),
            b=listed(other, most=10),
            remedy=f"make {by} a parameter of the stage, and sweep both sides over the same values",
        )
    lost = [*(one[key] for key in one.keys() - keys), *(other[key] for key in other.keys() - keys)]
    x, y = (tuple(sum(side[key]) / len(side[key]) for key in keys) for side in (one, other))
    return x, y, sum(map(len, lost))


def _by_key(rows: Sequence[Result], metric: str, by: str, store: Store) -> dict[Any, list[float]]:
    found: dict[Any, list[float]] = {}
    for row in rows:
        config = store.config(row.attempt.dref)
        key = parameter_of(config, by, store.config)
        if key is ABSENT and by != "seed":
            raise BadStage(
                f"paired={by!r} is no parameter of {row.attempt.dref}",
                parameters=listed(names_of(config, store.config)) or "none",
                remedy="name one that both sides have; of an input: data.seed",
            )
        key = row.attempt.seed if key is ABSENT else key
        found.setdefault(key, []).append(row.metrics[metric])
    return found
