"""Ranking: realizations in the order of a metric, for `match_best` (MA3, MA4)."""

from collections.abc import Sequence

from .candidate import Candidate
from .extremes import Over
from .printable import counted, listed
from .warned import warn


def ranked(here: Sequence[Candidate], file: str, mode: str, over: Over | None) -> list[Candidate]:
    """These realizations, the best first. A warning says when none has the metric."""
    sign = -1.0 if mode == "max" else 1.0
    ranks = [(sign * candidate.metric(file, over), candidate) for candidate in here]
    # A single realization may have NaN as its metric; if it lacks the file, the name is wrong.
    wrong = len(here) > 1 or any(file not in one.files for one in here)
    if wrong and all(rank != rank for rank, _ in ranks):
        _warn_of_no_metric(here, file)
    ranks.sort(key=lambda r: (r[0] != r[0], 0.0 if r[0] != r[0] else r[0], r[1].rref))
    return [candidate for _, candidate in ranks]


def _warn_of_no_metric(here: Sequence[Candidate], file: str) -> None:
    known = sorted({name for candidate in here for name in candidate.latest.metrics})
    warn(
        f"match_best({file!r}): none of {counted(len(here), 'realization')} of "
        f"{here[0].rref.dref} has that number, so the choice means nothing; recorded are: "
        f"{listed(known) or 'none'}",
        stacklevel=3,
    )
