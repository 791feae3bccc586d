"""Ranking: realizations in the order of a metric, for `match_best` (MA3, MA4)."""

from collections.abc import Sequence
from itertools import compress
from operator import attrgetter, itemgetter, not_

from .candidate import Candidate
from .extremes import Over
from .printable import counted, listed
from .warned import warn


def ranked(here: Sequence[Candidate], file: str, mode: str, over: Over | None) -> list[Candidate]:
    """These realizations, the best first. A warning says when none has the metric."""
    ordered = sorted(here, key=attrgetter("rref"))
    metrics = [1.0 * candidate.metric(file, over) for candidate in ordered]
    is_known = [metric == metric for metric in metrics]  # NaN is not itself
    # A single realization may have NaN as its metric; if it lacks the file, the name is wrong.
    wrong = len(here) > 1 or any(file not in one.files for one in here)
    if wrong and not any(is_known):
        _warn_of_no_metric(here, file)
    # A sort leaves ties in their order, which is that of the references, in both directions.
    known = compress(zip(metrics, ordered, strict=True), is_known)
    ranks = sorted(known, key=itemgetter(0), reverse=mode == "max")
    last = compress(ordered, map(not_, is_known))
    return [candidate for _, candidate in ranks] + [*last]


def _warn_of_no_metric(here: Sequence[Candidate], file: str) -> None:
    known = sorted({name for candidate in here for name in candidate.latest.metrics})
    warn(
        f"match_best({file!r}): none of {counted(len(here), 'realization')} of "
        f"{here[0].rref.dref} has that number, so the choice means nothing; recorded are: "
        f"{listed(known) or 'none'}",
        stacklevel=3,
    )
