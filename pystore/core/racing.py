"""Racing: which of several configs is the best, with no more attempts than it takes to tell.

The numbers of all attempts go in, the next instruction comes out. The rule is Procedure KN with
variances that are those of all attempts, not of the first five: it ends much sooner. Besides, what
is far below another leaves at once, however small the indifference is.

RA1  A config leaves the race when it is surely worse than another. The one that is named in the
     end is worse than the best by more than the indifference in at most 1 - confidence of races.
RA2  The same numbers give the same answer: a race that is run again goes on where it was.
RA3  Equal numbers of attempts are compared: further numbers of a config wait for the others.

Source: S.-H. Kim and B. L. Nelson, ACM TOMACS 11(3), 2001, 251-273; with the variances of all
attempts: the same, Operations Research 54(3), 2006, 475-488.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

from .dataclasses import dataclass
from .errors import BadStage
from .options import Mode, checked_count, checked_mode, is_number
from .statistics import student

FIRST = 5  # attempts of each config before the first comparison

# Few attempts show too small a spread now and then, above all those of a skewed number. So the
# variance of n attempts is taken for 1 + 50/n times as large. By simulation, RA1 then holds for
# exponential noise too; without it, 33 % of the races were wrong: see benchmarks/racing.py.
CAUTION = 50.0


@dataclass(frozen=True)
class Further:
    """Further attempts are needed."""

    attempts: int  # in all, of each of these configs
    of: tuple[str, ...]
    left: tuple[str, ...]  # those that may still be the best, in the order given


@dataclass(frozen=True)
class Best:
    """One config is the best, or as good as the best."""

    key: str


@dataclass(frozen=True)
class Level:
    """These cannot be told apart with the attempts that are allowed."""

    left: tuple[str, ...]  # in the order given


Standing = Further | Best | Level


@dataclass(frozen=True)
class RaceRule:
    """The rule of one race. Raises BadStage for options that mean nothing."""

    configs: int
    indifference: float  # in the unit of the metric
    confidence: float = 0.95
    at_most: int | None = None  # attempts of each config
    mode: Mode = "max"

    def __post_init__(self) -> None:
        checked_mode(self.mode)
        if self.at_most is not None:
            checked_count("at_most", self.at_most, least=FIRST)
        if not (is_number(self.indifference) and 0 < self.indifference < math.inf):
            raise BadStage(
                "the indifference of a race is no positive number",
                given=repr(self.indifference)[:200],
                remedy="write the difference that is not worth an attempt: indifference=0.002",
            )
        if not (is_number(self.confidence) and 0.5 <= self.confidence < 1):
            raise BadStage(
                "the confidence of a race is no number from 0.5 to below 1",
                given=repr(self.confidence)[:200],
                remedy="write confidence=0.95",
            )

    def reach(self, n: int) -> float:
        """How many attempts a pair needs at most, for each indifference² of its variance.

        `n` are the attempts of each that the variance is known from.
        """
        error, freedom = 2 * self._error, n - 1
        return (math.pow(error, -2 / freedom) - 1) * freedom * (1 + CAUTION / n)

    def sure(self, n: int) -> float:
        """How far the mean of n attempts may be off, in units of its standard error.

        It is not further off for any n in 1 - confidence of all races, or rather a tenth of that.
        """
        share = (n - FIRST + 1) * (n - FIRST + 2)  # 1/share, over all n, is 1
        level = 1 - 2 * self._error / 10 / share
        return student(n - 1, level) * math.sqrt(1 + CAUTION / n)

    @property
    def _error(self) -> float:
        """The share of one of the other configs in the errors that are allowed."""
        return (1 - self.confidence) / max(self.configs - 1, 1)

    def standing(self, numbers: Mapping[str, Sequence[float]]) -> Standing:
        """What the numbers of each config, in the order of its attempts, say."""
        if few := tuple(key for key, told in numbers.items() if len(told) < FIRST):
            return Further(FIRST, few, tuple(numbers))
        sign = 1.0 if self.mode == "max" else -1.0
        return _Run(self, {key: [sign * x for x in told] for key, told in numbers.items()}).answer()


class _Run:
    """One look at all numbers, from the first to the last (RA2)."""

    def __init__(self, rule: RaceRule, numbers: Mapping[str, Sequence[float]]) -> None:
        self._rule, self._numbers = rule, numbers
        self._left = {key: _Moments() for key in numbers}

    def answer(self) -> Standing:
        """The answer of the first comparison that ends the race, or what the next one needs."""
        seen = 0
        while True:
            if few := tuple(key for key in self._left if len(self._numbers[key]) <= seen):
                return Further(seen + 1, few, tuple(self._left))
            for key, moments in self._left.items():
                moments.add(self._numbers[key][seen])
            seen += 1
            if seen < FIRST:
                continue
            undecided = self._compare(seen)
            if len(self._left) == 1 or not undecided:  # if none is undecided, equals are left
                return Best(next(iter(self._left)))
            if seen == self._rule.at_most:
                return Level(tuple(self._left))

    def _compare(self, n: int) -> bool:
        """Lets go of those that are surely worse. Returns whether a pair was undecided before."""
        rule, delta = self._rule, self._rule.indifference
        scale, sure = rule.reach(n) / (2 * n * delta), rule.sure(n) / math.sqrt(n)
        told = [
            (key, one.mean, scale * one.variance, sure * math.sqrt(one.variance))
            for key, one in self._left.items()
        ]
        worse, undecided = set(), False
        for (one, mean, half, off), (other, its_mean, its_half, its_off) in combinations(told, 2):
            bound = max(0.0, half + its_half - delta / 2)
            undecided |= bound > 0
            # Where the indifference is small beside the spread, that bound is very wide at first.
            if abs(mean - its_mean) > min(bound, off + its_off):
                worse.add(other if mean > its_mean else one)
        self._left = {key: one for key, one in self._left.items() if key not in worse}
        return undecided


class _Moments:
    """Mean and variance of numbers that come one after the other. Source: Welford, 1962."""

    def __init__(self) -> None:
        self._n, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, x: float) -> None:
        self._n += 1
        off = x - self.mean
        self.mean += off / self._n
        self._squares += off * (x - self.mean)

    @property
    def variance(self) -> float:
        return self._squares / (self._n - 1)
