"""Matchers that know statistics: how often to train before an answer can be trusted.

They go by attempts, each training once, first to last. What is gone counts with its recorded
metrics, and is never chosen.

MS1  The order of the candidates makes no difference.
MS2  `match_until` keeps its promise: mean ± halfwidth covers the truth in 95 % of cases.
"""

import math
from collections.abc import Sequence

from .attempt import Attempt
from .candidate import Candidate
from .errors import BadMatcher, MatcherUnsatisfied
from .matchers import Matcher, Need, match
from .options import Mode, checked_count, checked_mode
from .printable import listed
from .same_run import distinct
from .statistics import Statistics, student

# Who stops as soon as a 95 % interval is narrow enough has also stopped where it was so by luck:
# mean ± halfwidth then covers the truth in 92.0 % of cases only. With the interval of this level
# it does in 95.6 %. Both are the worst of all spreads, in simulation, for at_least=3.
STOPPING_LEVEL = 0.975
FEWEST = 3  # with two, nothing of the kind is possible


def match_until(
    file: str, halfwidth: float = 0.002, at_least: int = 3, at_most: int = 20
) -> Matcher:
    """All realizations, after training until the mean of a metric is known to ± `halfwidth`.

    Returns every realization, so that what depends on it sees them all; use `match_best` on the
    same derivation to choose one, without training again. Stops at `at_most` attempts in any case.

    To stop when an interval looks narrow makes it cover less: mean ± halfwidth would cover the
    truth in 92.0 % of cases, not in 95 %. Corrected for: it trains until a 97.5 % interval is that
    narrow, and 95.6 % are covered, at the worst spread of the metric. Quote mean ± halfwidth: the
    ordinary interval that `summary()` shows is narrower, and covers 90 %. Where `at_most` ended
    it, quote the ordinary interval; then 94 % are covered, at the worst spread.

    Raises MatcherUnsatisfied when a result has no such metric.
    """
    if not (isinstance(halfwidth, (int, float)) and 0 < halfwidth < math.inf):
        raise BadMatcher(
            "match_until: halfwidth is no positive number",
            given=repr(halfwidth)[:200],
            remedy="write halfwidth=0.002, in the unit of the metric",
        )
    if type(at_least) is not int or type(at_most) is not int or not FEWEST <= at_least <= at_most:
        raise BadMatcher(
            f"match_until: it takes {FEWEST} <= at_least <= at_most",
            at_least=at_least,
            at_most=at_most,
            remedy="write at_least=3, at_most=20",
        )
    arguments = {"halfwidth": float(halfwidth), "at_least": at_least, "at_most": at_most}
    return match(_match_until, reads=[file], file=file, **arguments)


def match_top(file: str, n: int, mode: Mode = "max") -> Matcher:
    """The realizations of the `n` best attempts, best first; trains until there are `n`.

    Where several attempts made the same, there are fewer than `n` realizations: a stage that is
    not random never gets stuck. `match_best(file, n)` insists on `n` different ones.
    """
    checked_count("n", n, error=BadMatcher)
    checked_mode(mode, BadMatcher)
    return match(_match_top, reads=[file], file=file, n=n, mode=mode)


def still_needed(values: Sequence[float], halfwidth: float, at_least: int, at_most: int) -> int:
    """How many more numbers to get before the mean is known to ± `halfwidth`; 0: none."""
    n = len(values)
    if n < at_least:
        return at_least - n
    std = Statistics.of(values).std
    reach = student(n - 1, STOPPING_LEVEL) * std / math.sqrt(n)
    if n >= at_most or reach <= halfwidth:
        return 0
    # Half the way to where it will be narrow enough, so as not to overshoot on a wild guess.
    ahead = min((student(at_most, STOPPING_LEVEL) * std / halfwidth) ** 2, float(at_most)) - n
    return max(1, math.floor(ahead / 2))


def _match_until(
    candidates: Sequence[Candidate], file: str, halfwidth: float, at_least: int, at_most: int
) -> list[Candidate] | Need:
    made = _attempts(candidates)
    numbers = [number for a, c in made if not math.isnan(number := _number(c, a, file))]
    nameless = [c for a, c in made if not c.gone and math.isnan(_number(c, a, file))]
    if nameless:
        raise MatcherUnsatisfied(
            f"a result without the metric {file!r}: the mean would be that of the others only",
            rref=nameless[0].rref,
            recorded=listed(sorted(nameless[0].latest.metrics)) or "no metrics",
            remedy=f"write a number to {file}, or reject(rref, 'diverged') what does not count",
        )
    needed = still_needed(numbers, halfwidth, at_least, at_most)
    present = [c for c in candidates if not c.gone]
    if needed or not present:
        return Need(needed or 1, of="attempts")
    return present


def _match_top(
    candidates: Sequence[Candidate], file: str, n: int, mode: str
) -> list[Candidate] | Need:
    made = _attempts([c for c in candidates if not c.gone])
    if len(made) < n:
        return Need(n - len(made), of="attempts")
    sign = -1.0 if mode == "max" else 1.0
    ranks = [(sign * _number(c, a, file), c) for a, c in made]
    ranks.sort(key=lambda r: (math.isnan(r[0]), 0.0 if math.isnan(r[0]) else r[0], r[1].rref))
    return [candidate for _, candidate in ranks[:n]]


def _attempts(candidates: Sequence[Candidate]) -> list[tuple[Attempt, Candidate]]:
    makers = {candidate.rref: candidate for candidate in candidates}
    tries = distinct(a for candidate in candidates for a in candidate.attempts)
    return [(a, makers[a.rref]) for a in tries if a.rref]


def _number(candidate: Candidate, attempt: Attempt, file: str) -> float:
    recorded = attempt.metrics.get(file)
    return candidate.metric(file) if recorded is None else recorded
