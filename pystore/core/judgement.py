"""Judgement: what to do for a derivation in a context, given the candidates. No effects.

The build loop carries out a judgement, an outlook prints it, and an application asks it whether
another realization would be used now.

JU1  It ends: at most `most` builds, and no build after a round that brought nothing new when the
     matcher wanted realizations, or nothing but what was rejected.
JU2  The attempts that the caller wants and the matcher count together: the larger need is built.
JU3  The results of others come before a build: first those that are adopted, then those of other
     places. What is forced is built first, and takes nothing from others.
JU4  Where results are gone that would count, their seeds are tried first, each once in a call.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from .candidate import Candidate
from .context import Context
from .dataclasses import dataclass, replace
from .derivation import Derivation
from .errors import MatcherUnsatisfied, PystoreError
from .matchers import Need, Of
from .refs import DRef, RRef
from .same_run import distinct
from .unmet import not_to_be_built, nothing_new, rejected_again, too_many

SAME_AGAIN = 3  # attempts with one result after which a stage counts as deterministic


@dataclass(frozen=True)
class Use:
    """Use these realizations."""

    rrefs: tuple[RRef, ...]


@dataclass(frozen=True)
class Adopt:
    """Adopt what others have reached from the same bytes, if anything, and judge again."""


@dataclass(frozen=True)
class AskOthers:
    """Ask other places for results, and judge again."""

    before_build: bool  # whether a build comes next, if they have nothing


@dataclass(frozen=True)
class Build:
    """Build once for each seed, and judge again; a seed that is None is a new one."""

    seeds: tuple[int | None, ...]
    of: Of  # what is wanted: more attempts, or more realizations

    @property
    def count(self) -> int:
        """How often to build."""
        return len(self.seeds)

    @property
    def repeated(self) -> tuple[int, ...]:
        """The seeds of lost results among them."""
        return tuple(seed for seed in self.seeds if seed is not None)


@dataclass(frozen=True)
class Cannot:
    """The derivation cannot be had."""

    error: Exception

    @property
    def reason(self) -> str:
        """The error in one line."""
        if isinstance(self.error, PystoreError):
            return self.error.what
        return f"{type(self.error).__name__}: {self.error}"


Judgement = Use | Adopt | AskOthers | Build | Cannot


@dataclass(frozen=True)
class Rounds:
    """The builds of one derivation in one call, and what the last round of them brought."""

    builds: int = 0
    of: Of = "attempts"  # what the last round was for
    known: frozenset[RRef] = frozenset()  # the realizations that were there before it
    results: tuple[tuple[RRef, str], ...] = ()  # each with why it was rejected, or ""
    tried: frozenset[int] = frozenset()  # the seeds of lost results that were tried

    def begin(self, build: Build, candidates: Iterable[Candidate]) -> "Rounds":
        """The rounds with a new one, which has no results yet, for these candidates."""
        return Rounds(
            builds=self.builds + build.count,
            of=build.of,
            known=frozenset(c.rref for c in candidates if not c.gone),
            tried=self.tried.union(build.repeated),
        )

    def bring(self, rref: RRef, rejected: str) -> "Rounds":
        """The rounds with a result of the last one."""
        return replace(self, results=(*self.results, (rref, rejected)))

    @property
    def rejected(self) -> dict[RRef, str]:
        """What the last round brought, and why it was rejected; empty if something was not."""
        return dict(self.results) if all(why for _, why in self.results) else {}

    @property
    def vain(self) -> bool:
        """Whether the last round was for realizations, and brought no new one that counts."""
        new = any(not why and rref not in self.known for rref, why in self.results)
        return self.of == "realizations" and not new


class Question(NamedTuple):
    """A derivation in a context, what the caller allows, and what this call has tried."""

    derivation: Derivation
    context: Context
    wanted: int = 1  # attempts that must have succeeded
    most: int = 100  # builds in one call, if not more attempts are wanted
    forced: bool = False  # whether it is built once in any case
    may_build: bool = True
    adopts: bool = True  # whether results of others may be adopted, and were not looked for yet
    asks: bool = True  # whether other places may be asked, and were not asked yet
    absent: frozenset[RRef] = frozenset()  # realizations that were chosen, and found to be gone
    rounds: Rounds = Rounds()


class Answer(NamedTuple):
    """The candidates, and what they are good for: a choice, a Need, or why there is neither."""

    candidates: Sequence[Candidate]
    said: tuple[RRef, ...] | Need | Exception


class Reader(Protocol):
    """A store that tells its candidates."""

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """What a matcher may choose from, with the files that it reads."""


def judged(store: Reader, derivation: Derivation, context: Context) -> Judgement:
    """What would be done for a derivation now: `Use` tells the realizations that are used."""
    question = Question(derivation, context, adopts=False, asks=False)
    return judge(question, ask(store, question))


def ask(store: Reader, question: Question) -> Answer:
    """The answer that the candidates of a store give."""
    derivation, absent = question.derivation, question.absent
    found = store.candidates(derivation.dref, question.context, derivation.matcher.reads)
    if absent:
        found = [replace(c, gone=c.gone or c.rref in absent) for c in found]
    return answer(question, found)


def answer(question: Question, candidates: Sequence[Candidate]) -> Answer:
    """The answer to these candidates: enough attempts first, then the matcher (JU2)."""
    lacking = 0
    if question.wanted > 1:  # one attempt is what the matcher itself sees to
        lacking = question.wanted - len(distinct(a for c in candidates for a in c.attempts))
    said: tuple[RRef, ...] | Need | Exception
    try:
        said = question.derivation.matcher.select(candidates)
    except Exception as error:  # the matcher's own
        said = error
    if lacking <= 0 or (isinstance(said, Need) and said.n > lacking):
        return Answer(candidates, said)
    return Answer(candidates, Need(lacking, of="attempts"))


def judge(question: Question, answer: Answer) -> Judgement:
    """What to do next."""
    said, first = answer.said, not question.rounds.builds
    if question.forced and first:
        return Build((None,), "attempts") if question.may_build else _refuse(question, Need(1))
    if isinstance(said, tuple):
        return Use(said)
    if not isinstance(said, Need):
        others = question.asks and isinstance(said, MatcherUnsatisfied)
        return AskOthers(before_build=False) if others else Cannot(said)
    if not question.forced:
        if question.adopts and question.may_build and question.derivation.realizer.adopts:
            return Adopt()
        if question.asks:
            return AskOthers(before_build=question.may_build)
    if not question.may_build:
        return _refuse(question, said)
    return _build(question, answer.candidates, said)


def _refuse(question: Question, need: Need) -> Cannot:
    return Cannot(not_to_be_built(question.derivation.dref, need))


def _build(question: Question, candidates: Sequence[Candidate], need: Need) -> Build | Cannot:
    dref, rounds = question.derivation.dref, question.rounds
    present = [candidate for candidate in candidates if not candidate.gone]
    made = distinct(attempt for candidate in present for attempt in candidate.attempts)
    same_again = len(present) == 1 and len(made) >= SAME_AGAIN
    if rounds.rejected:
        return Cannot(rejected_again(dref, need, rounds.rejected))
    if need.of == "realizations" and (same_again or rounds.vain):
        return Cannot(nothing_new(dref, need, len(made), len(present)))
    left = max(question.most, question.wanted) - rounds.builds
    if left <= 0:
        return Cannot(too_many(dref, need, rounds.builds))
    n = min(need.n, left)
    again = seeds_to_repeat(question, candidates, need)
    seeds = [seed for seed in again if seed not in rounds.tried][:n]
    return Build((*seeds, *[None] * (n - len(seeds))), need.of)


def seeds_to_repeat(question: Question, candidates: Sequence[Candidate], need: Need) -> list[int]:
    """The seeds of lost results that would meet a need, the latest result first.

    A lost result would meet it if the matcher would choose it, or lacks it. Where attempts are
    wanted, those whose bytes are gone are counted already, and other seeds are wanted.
    """
    lost = sorted((c for c in candidates if c.gone), key=lambda c: c.latest.order, reverse=True)
    if not lost:
        return []
    whole = answer(question, [replace(candidate, gone=False) for candidate in candidates]).said
    if isinstance(whole, Exception):
        return []
    if isinstance(whole, Need):
        useful = lost[: max(need.n - whole.n, 0)]
    else:
        useful = [candidate for candidate in lost if candidate.rref in whole]
    return [candidate.latest.seed for candidate in useful]
