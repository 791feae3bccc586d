"""GcPolicy: which realizations of a derivation gc keeps beside those that roots need."""

from collections.abc import Iterable

from .candidate import Candidate
from .dataclasses import dataclass
from .extremes import Over
from .matchers import Matcher, match_best, match_latest
from .options import Mode
from .refs import RRef


@dataclass(frozen=True)
class GcPolicy:
    """A policy: of each derivation, the first `n` in the order of a matcher."""

    n: int
    matcher: Matcher  # it chooses n if there are as many

    def chosen(self, candidates: Iterable[Candidate]) -> set[RRef]:
        """The realizations to keep; all if there are no more than n."""
        present = [candidate for candidate in candidates if not candidate.gone]
        everything = {candidate.rref for candidate in present}
        if len(present) <= self.n or not self._ranks(present):
            return everything
        answer = self.matcher.select(present)
        return set(answer) if isinstance(answer, tuple) else everything

    def _ranks(self, present: list[Candidate]) -> bool:
        """Whether the matcher has a number to rank by: a misspelt metric must remove nothing."""
        numbers = [c.metric(name) for c in present for name in self.matcher.reads]
        return not self.matcher.reads or any(number == number for number in numbers)


def keep_latest(n: int = 1) -> GcPolicy:
    """Of each derivation, the `n` most recently built."""
    return GcPolicy(n, match_latest(n))


def keep_best(file: str, n: int = 1, mode: Mode = "max", *, over: Over | None = None) -> GcPolicy:
    """Of each derivation, the `n` with the best metric; all if none has the metric.

    `over` is that of `match_best`.
    """
    return GcPolicy(n, match_best(file, n, mode, over=over))
