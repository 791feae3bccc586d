"""The same run: which attempts are one training, though there are several records of it.

SR1  A copy is the same run, also one that another derivation or another context has adopted.
SR2  A repetition is another run; but where both count, only the first counts: it had the same
     seed, and made the same realization.
SR3  An attempt without a record, which runs or died, is the same run as no other.
"""

from collections import defaultdict
from collections.abc import Iterable

from .attempt import Attempt
from .candidate import Candidate
from .dataclasses import replace

Run = tuple[int, str, int, int]


def run_of(attempt: Attempt) -> Run:
    """What an attempt has in common with its copies, and with no other attempt (SR1)."""
    return attempt.start, attempt.host, attempt.pid, attempt.seed


class Runs:
    """The runs of some attempts; with `repetitions`, what repeats one of them is among them."""

    def __init__(self, attempts: Iterable[Attempt] = (), *, repetitions: bool) -> None:
        self._repetitions = repetitions
        self._marks: set[object] = set()
        for attempt in attempts:
            self.add(attempt)

    def __contains__(self, attempt: Attempt) -> bool:
        return not self._marks.isdisjoint(self._marks_of(attempt))

    def add(self, attempt: Attempt) -> bool:
        """Adds the run of an attempt. Returns whether it was not among these."""
        marks = self._marks_of(attempt)
        new = self._marks.isdisjoint(marks)
        self._marks.update(marks)
        return new

    def _marks_of(self, attempt: Attempt) -> tuple[object, ...]:
        if attempt.outcome in ("running", "died"):
            return ()
        if self._repetitions and attempt.rref is not None:
            return run_of(attempt), (attempt.rref, attempt.seed)
        return (run_of(attempt),)


def distinct(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The attempts that succeeded, first to last; of copies and repetitions, the first."""
    runs = Runs(repetitions=True)
    made = sorted((a for a in attempts if a.succeeded), key=lambda attempt: attempt.order)
    return [attempt for attempt in made if runs.add(attempt)]


def merge(mine: Iterable[Attempt], others: Iterable[Attempt]) -> list[Attempt]:
    """The attempts of one derivation that two stores have, first to last.

    Of the others, those are left out that are copies or repetitions of mine in the same context.
    """
    kept = list(mine)
    runs: defaultdict[str, Runs] = defaultdict(lambda: Runs(repetitions=True))
    for attempt in kept:
        runs[attempt.context].add(attempt)
    kept += [attempt for attempt in others if attempt not in runs[attempt.context]]
    return sorted(kept, key=lambda attempt: attempt.order)


def with_attempts(candidate: Candidate, others: Iterable[Attempt]) -> Candidate:
    """The candidate with further attempts that made it, each run once."""
    return replace(candidate, attempts=tuple(merge(candidate.attempts, others)))
