"""Matchers that know statistics: how often to train before an answer can be trusted.

They count trainings, first to last: copies of an attempt are one training. A realization that is
gone counts with its recorded metrics, and is never chosen.

MS1  The order of the candidates makes no difference.
MS2  `match_until` keeps its promise: mean ± halfwidth covers the truth in 95 % of cases.
"""

import math
from collections.abc import Sequence

from .attempt import Attempt
from .candidate import Candidate
from .errors import BadMatcher, MatcherUnsatisfied
from .extremes import Over, checked_over, value_over
from .matchers import Matcher, Need, match
from .options import Mode, checked_count, checked_mode
from .printable import listed
from .same_run import distinct
from .statistics import Statistics, student

# A rule that stops at the first 95 % interval that is narrow enough sometimes stops by luck: then
# mean ± halfwidth covers the truth in 92.0 % of cases only. With an interval of this level it
# covers the truth in 95.6 %. Both are simulated, for at_least=3 and the worst spread.
STOPPING_LEVEL = 0.975
FEWEST = 3  # MS2 cannot be kept with two


def match_until(
    file: str, halfwidth: float = 0.002, at_least: int = 3, at_most: int = 20
) -> Matcher:
    """All realizations, after training until the mean of a metric is known to ± `halfwidth`.

    Later stages get every realization; `match_best` on the same derivation chooses one without
    training again. Training ends at `at_most` attempts in any case.

    A rule that stops when a 95 % interval looks narrow enough covers the truth in 92.0 % of cases
    only. So this matcher trains until a 97.5 % interval is that narrow: then mean ± halfwidth
    covers the truth in 95.6 % of cases, at the worst spread of the metric. Quote mean ± halfwidth;
    the ordinary interval that `summary()` shows is narrower, and covers 90 %. If `at_most` ended
    the training, quote the ordinary interval: it covers 94 %, at the worst spread.

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


def match_top(file: str, n: int, mode: Mode = "max", *, over: Over | None = None) -> Matcher:
    """The realizations of the `n` best attempts, best first; trains until there are `n`.

    Attempts with equal results have one realization, so there may be fewer than `n`: a stage that
    is not random never gets stuck. `match_best(file, n)` insists on `n` different ones. `over` is
    that of `match_best`.
    """
    n = checked_count("n", n, error=BadMatcher)
    checked_mode(mode, BadMatcher)
    how = {} if checked_over(over, BadMatcher) is None else {"over": over}
    return match(_match_top, reads=[file], file=file, n=n, mode=mode, **how)


def still_needed(values: Sequence[float], halfwidth: float, at_least: int, at_most: int) -> int:
    """How many more numbers are needed before the mean is known to ± `halfwidth`."""
    n = len(values)
    if n < at_least:
        return at_least - n
    std = Statistics.of(values).std
    reach = student(n - 1, STOPPING_LEVEL) * std / math.sqrt(n)
    if n >= at_most or reach <= halfwidth:
        return 0
    # Half of the estimated rest: an estimate from few numbers may be far too high.
    rest = min((student(at_most, STOPPING_LEVEL) * std / halfwidth) ** 2, float(at_most)) - n
    return max(1, math.floor(rest / 2))


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
    candidates: Sequence[Candidate], file: str, n: int, mode: str, over: Over | None = None
) -> list[Candidate] | Need:
    made = _attempts([c for c in candidates if not c.gone])
    if len(made) < n:
        return Need(n - len(made), of="attempts")
    sign = -1.0 if mode == "max" else 1.0
    ranks = [(sign * _number(c, a, file, over), c) for a, c in made]
    ranks.sort(key=lambda r: (math.isnan(r[0]), 0.0 if math.isnan(r[0]) else r[0], r[1].rref))
    return [candidate for _, candidate in ranks[:n]]


def _attempts(candidates: Sequence[Candidate]) -> list[tuple[Attempt, Candidate]]:
    makers = {candidate.rref: candidate for candidate in candidates}
    tries = distinct(a for candidate in candidates for a in candidate.attempts)
    return [(a, makers[a.rref]) for a in tries if a.rref]


def _number(candidate: Candidate, attempt: Attempt, file: str, over: Over | None = None) -> float:
    recorded = value_over(attempt, file, over)
    return candidate.metric(file, over) if recorded is None else recorded
