"""Statistics of repeated attempts: means, intervals and tests of numbers.

ST2  Intervals are Student's at 95 %. In simulation, they cover the truth as often as they say.
ST3  A statistic that needs more numbers than there are is NaN, never a guess.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

from .dataclasses import dataclass
from .options import Mode
from .student import quantile, tail

LEVEL = 0.95
NAN = float("nan")


@dataclass(frozen=True)
class Statistics:
    """The statistics of a sample. A statistic is NaN if the sample is too small for it."""

    n: int
    mean: float
    std: float  # of the sample: divided by n - 1
    low: float  # the 95 % interval of the mean, by Student
    high: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Statistics":
        """The statistics of these numbers."""
        sample = list(values)
        n = len(sample)
        if not n:
            return cls(0, NAN, NAN, NAN, NAN, NAN, NAN)
        mean = _mean(sample)
        std = _std_about(mean, sample)
        half = student(n - 1) * std / math.sqrt(n)
        return cls(n, mean, std, mean - half, mean + half, min(sample), max(sample))

    @property
    def halfwidth(self) -> float:
        """Half of the 95 % interval: the mean is known to plus or minus this."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Difference:
    """The difference of two means, with its 95 % interval and Student's test."""

    value: float
    low: float
    high: float
    t: float
    df: float  # degrees of freedom
    p: float  # two-sided


def welch(a: Sequence[float], b: Sequence[float]) -> Difference:
    """The mean of `a` minus the mean of `b`; their variances may differ.

    Source: B. L. Welch, Biometrika 34 (1947), 28-35.
    """
    value = _mean(a) - _mean(b)
    if len(a) < 2 or len(b) < 2:
        return Difference(value, NAN, NAN, NAN, NAN, NAN)
    parts = [_std(x) * _std(x) / len(x) for x in (a, b)]
    pooled = sum(p * p / (len(x) - 1) for p, x in zip(parts, (a, b), strict=True))
    df = sum(parts) * sum(parts) / pooled if pooled else float(len(a) + len(b) - 2)
    return _difference(value, math.sqrt(sum(parts)), df)


def paired(a: Sequence[float], b: Sequence[float]) -> Difference:
    """The mean of `a[i] - b[i]`, for numbers that come in pairs."""
    gaps = [x - y for x, y in zip(a, b, strict=True)]
    if len(gaps) < 2:
        return Difference(_mean(gaps), NAN, NAN, NAN, NAN, NAN)
    return _difference(_mean(gaps), _std(gaps) / math.sqrt(len(gaps)), len(gaps) - 1)


def expected_best(values: Sequence[float], k: int, mode: Mode = "max") -> float:
    """The average best of `k` attempts: with it, 5 attempts and 20 are compared fairly.

    Unbiased, whatever the distribution; NaN when there are fewer than `k` numbers.
    Source: Tang et al., "Showing Your Work Doesn't Always Work", ACL 2020, equation 8.
    """
    n = len(values)
    if not 1 <= k <= n:
        return NAN
    ranked = sorted(values, reverse=mode == "min")
    picks = math.comb(n, k)  # samples of k; the best is ranked[i] in comb(i, k - 1) of them
    return math.fsum(math.comb(i, k - 1) / picks * x for i, x in enumerate(ranked))


@dataclass(frozen=True)
class Picked:
    """The group with the best mean, and that mean without the luck of the choice."""

    index: int
    mean: float  # of that group: too good on average
    corrected: float  # to expect when measured anew; NaN if a group has one number


def picked_best(groups: Sequence[Sequence[float]], mode: Mode = "max") -> Picked:
    """The group with the best mean, corrected for the choice of the best among many.

    In each turn, one number of every group is left out, and the group with the best mean of the
    other numbers is scored by the number that it left out. The corrected mean is the mean of
    these scores. It is unbiased for groups that are alike.
    Source: the choice is cross-validated, as in Varma & Simon, BMC Bioinformatics 7:91 (2006).
    """
    sign = 1.0 if mode == "max" else -1.0
    totals = list(map(_total, groups))
    means = [sign * _mean_of(total, group) for total, group in zip(totals, groups, strict=True)]
    index = means.index(max(means))
    if min(map(len, groups)) < 2 or math.inf in map(abs, totals):
        return Picked(index, sign * means[index], NAN)
    rivals = _rivals(totals, groups, sign)
    unseen = []
    for turn in range(max(map(len, groups))):
        out = [group[turn % len(group)] for _, group in rivals]
        rest = [
            _mean_of_rest(total, x, group, sign)
            for x, (total, group) in zip(out, rivals, strict=True)
        ]
        unseen.append(out[rest.index(max(rest))])
    return Picked(index, sign * means[index], _mean(unseen))


def _mean_of_rest(total: float, x: float, group: Sequence[float], sign: float) -> float:
    return sign * (total - x) / (len(group) - 1)


def _rivals(
    totals: Sequence[float], groups: Sequence[Sequence[float]], sign: float
) -> list[tuple[float, Sequence[float]]]:
    """The groups that may be the best without one of their numbers, each behind its sum."""
    ranges = []
    for total, group in zip(totals, groups, strict=True):
        ends = [_mean_of_rest(total, x, group, sign) for x in (min(group), max(group))]
        ranges.append((min(ends), max(ends), total, group))
    least = max(low for low, *_ in ranges)
    return [(total, group) for _, high, total, group in ranges if high >= least]


@lru_cache(1024)
def student(df: float, level: float = LEVEL) -> float:
    """How many standard errors the interval of this level reaches to each side."""
    if not df > 0:
        return NAN
    return quantile(level, df)


def _difference(value: float, error: float, df: float) -> Difference:
    if not error:
        t = math.copysign(math.inf, value) if value else 0.0
        return Difference(value, value, value, t, df, 0.0 if value else 1.0)
    if not (math.isfinite(value) and math.isfinite(error) and df > 0):
        return Difference(value, NAN, NAN, NAN, NAN, NAN)  # squares are beyond all floats
    t, half = value / error, student(df) * error
    return Difference(value, value - half, value + half, t, df, tail(t, df))


def _total(values: Sequence[float]) -> float:
    """The sum; infinite where it is beyond all floats, whatever its sign."""
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf


def _mean(values: Sequence[float]) -> float:
    return _mean_of(_total(values), values)


def _mean_of(total: float, values: Sequence[float]) -> float:
    if not values or not math.isinf(total):
        return total / len(values) if values else NAN
    half = math.fsum(x / len(values) / 2 for x in values)  # the mean may be a float nonetheless
    return max(min(values), min(2 * half, max(values)))


def _std(values: Sequence[float]) -> float:
    return _std_about(_mean(values), values)


def _std_about(mean: float, values: Sequence[float]) -> float:
    if len(values) < 2:
        return NAN
    return math.dist(values, [mean] * len(values)) / math.sqrt(len(values) - 1)
