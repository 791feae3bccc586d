"""Statistics of repeated attempts: means, intervals and tests of numbers.

ST2  Intervals are Student's at 95 %. In simulation, they cover the truth as often as they say.
ST3  A statistic that needs more numbers than there are is NaN, never a guess.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

from .dataclasses import dataclass
from .options import Mode

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
        mean, std = _mean(sample), _std(sample)
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
    parts = [_std(x) ** 2 / len(x) for x in (a, b)]
    pooled = sum(p * p / (len(x) - 1) for p, x in zip(parts, (a, b), strict=True))
    df = sum(parts) ** 2 / pooled if pooled else float(len(a) + len(b) - 2)
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
    means = [sign * _mean(group) for group in groups]
    index = means.index(max(means))
    if min(map(len, groups)) < 2:
        return Picked(index, sign * means[index], NAN)
    sums = [math.fsum(group) for group in groups]
    unseen = []
    for turn in range(max(map(len, groups))):
        out = [group[turn % len(group)] for group in groups]
        rest = [
            sign * (total - x) / (len(group) - 1)
            for total, x, group in zip(sums, out, groups, strict=True)
        ]
        unseen.append(out[rest.index(max(rest))])
    return Picked(index, sign * means[index], _mean(unseen))


@lru_cache(1024)
def student(df: float, level: float = LEVEL) -> float:
    """How many standard errors the interval of this level reaches to each side."""
    if df <= 0:
        return NAN
    from scipy.special import stdtrit  # a third of the time that scipy.stats takes to import

    return float(stdtrit(df, (1 + level) / 2))


def _difference(value: float, error: float, df: float) -> Difference:
    if not error:
        t = math.copysign(math.inf, value) if value else 0.0
        return Difference(value, value, value, t, df, 0.0 if value else 1.0)
    from scipy.special import stdtr

    t, half = value / error, student(df) * error
    return Difference(value, value - half, value + half, t, df, float(2 * stdtr(df, -abs(t))))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else NAN


def _std(values: Sequence[float]) -> float:
    if len(values) < 2:
        return NAN
    mean = _mean(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))
