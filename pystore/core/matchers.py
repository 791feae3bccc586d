"""Matchers: which realizations a user or a later stage sees.

A matcher is a value, compared by name and arguments. It gets candidates and returns the
realizations to use, or `Need(n)`: build `n` more, and ask again.

MA1  A matcher chooses only candidates that it was offered and that are not gone.
MA2  The order of the candidates makes no difference.
MA3  `match_best` puts a missing, unreadable or NaN metric last; ties go by reference.
MA4  With `over`, the best step of each attempt counts, and not its last one.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, Literal

from .candidate import Candidate
from .dataclasses import dataclass, field
from .errors import BadMatcher, BadRef, MatcherUnsatisfied
from .extremes import Over, checked_over
from .options import Mode, checked_count, checked_mode
from .printable import listed
from .ranking import ranked
from .refs import RRef, check_part
from .same_run import distinct

Of = Literal["attempts", "realizations"]


@dataclass(frozen=True)
class Need:
    """A matcher's wish: `n` more attempts that succeed, or `n` more distinct realizations."""

    n: int
    of: Of = "realizations"

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", checked_count("n", self.n, error=BadMatcher))
        if self.of not in ("attempts", "realizations"):
            raise BadMatcher(
                "Need counts attempts or realizations",
                given=repr(self.of),
                remedy='write Need(n, of="attempts") or Need(n, of="realizations")',
            )


Rule = Callable[..., "Candidate | RRef | Need | Sequence[Candidate | RRef]"]


@dataclass(frozen=True)
class Matcher:
    """A rule with a name and arguments; `reads` names the artifacts that it reads."""

    name: str
    arguments: tuple[tuple[str, Any], ...]
    reads: tuple[str, ...]
    rule: Rule = field(compare=False, repr=False)

    def select(self, candidates: Iterable[Candidate]) -> tuple[RRef, ...] | Need:
        """The realizations to use, or the builds that are needed first.

        Raises MatcherUnsatisfied when building would not help, BadMatcher when the rule
        breaks MA1.
        """
        offered = sorted(candidates, key=attrgetter("rref"))
        answer = self.rule(offered)
        if isinstance(answer, Need):
            return answer
        if isinstance(answer, (Candidate, RRef)):
            answer = [answer]
        if not isinstance(answer, (list, tuple)):
            raise BadMatcher(
                f"the rule of {self} returned no choice",
                returned=repr(answer)[:200],
                remedy="return candidates, or Need(n)",
            )
        chosen = tuple(dict.fromkeys(c.rref if isinstance(c, Candidate) else c for c in answer))
        self._check(chosen, offered)
        return chosen

    def _check(self, chosen: tuple[RRef, ...], offered: list[Candidate]) -> None:
        if not chosen:
            raise MatcherUnsatisfied(
                f"{self} chose nothing", offered=len(offered), remedy="return Need(1) to build"
            )
        if strange := set(chosen).difference([c.rref for c in offered if not c.gone]):
            raise BadMatcher(
                f"{self} chose realizations that it was not offered",
                chosen=listed(sorted(map(str, strange))),
                remedy="choose among the candidates whose `gone` is False",
            )

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.arguments)})"


def match(rule: Rule, *, reads: Iterable[str] = (), **arguments: Any) -> Matcher:
    """A matcher that applies `rule(candidates, **arguments)`.

    The rule gets the candidates in the order of their references, and returns some of them or a
    `Need`. It must depend on its arguments only. `reads` names files whose content it wants.

    Raises BadMatcher when an argument cannot be compared, or `reads` names no file.
    """
    reads = (reads,) if isinstance(reads, str) else tuple(reads)
    for file in reads:
        _check_file(file)
    for name, value in arguments.items():
        try:
            hash(value)
        except TypeError:
            raise BadMatcher(
                f"the argument {name} of a matcher cannot be compared by value",
                given=repr(value)[:200],
                remedy="use numbers, strings and tuples",
            ) from None
    name = getattr(rule, "__qualname__", repr(rule)).strip("_")
    return Matcher(name, tuple(sorted(arguments.items())), reads, partial(rule, **arguments))


def match_latest(n: int = 1) -> Matcher:
    """The `n` realizations that were built last; builds the missing ones."""
    return _latest(checked_count("n", n, error=BadMatcher))


def match_best(
    file: str,
    n: int = 1,
    mode: Mode = "max",
    *,
    of: int | None = None,
    over: Over | None = None,
) -> Matcher:
    """The `n` realizations with the best metric: the number on the first line of `file`.

    Builds only while there are fewer than `n` realizations. `of=5` trains until five attempts have
    succeeded, and then takes the best. Attempts whose bytes are gone count.

    Of a metric that was told at steps, the last value counts; with `over="max"` the highest of all
    steps, with `over="min"` the lowest.
    """
    n = checked_count("n", n, error=BadMatcher)
    checked_mode(mode, BadMatcher)
    arguments: dict[str, Any] = {"file": file, "n": n, "mode": mode}
    if of is not None:
        if (of := checked_count("of", of, error=BadMatcher)) < n:
            raise BadMatcher(f"the best {n} of {of}", remedy=f"write of={n}, or more")
        arguments["of"] = of
    if checked_over(over, BadMatcher) is not None:
        arguments["over"] = over
    return match(_match_best, reads=[file], **arguments)


def match_only() -> Matcher:
    """The one realization that exists; builds one when there is none.

    Where there are several, `realize` raises MatcherUnsatisfied.
    """
    return match(_match_only)


def match_all() -> Matcher:
    """All realizations that exist; builds one when there is none."""
    return match(_match_all)


def match_some(n: int = 1) -> Matcher:
    """The realizations of the first `n` attempts that succeeded; builds the missing ones."""
    return match(_match_some, n=checked_count("n", n, error=BadMatcher))


def match_exact(rrefs: Iterable[str]) -> Matcher:
    """Exactly these. Never builds: `realize` raises MatcherUnsatisfied where one is missing."""
    wanted = (rrefs,) if isinstance(rrefs, str) else tuple(rrefs)
    if not wanted:
        raise BadMatcher("match_exact of nothing", remedy="write match_exact([rref])")
    return match(_match_exact, rrefs=tuple(RRef(rref) for rref in wanted))


def _present(candidates: Iterable[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if not candidate.gone]


def _match_latest(candidates: Sequence[Candidate], n: int) -> list[Candidate] | Need:
    present = sorted(_present(candidates), key=lambda c: c.latest.order, reverse=True)
    return present[:n] if len(present) >= n else Need(n - len(present))


_latest = lru_cache(64)(lambda n: match(_match_latest, n=n))  # a matcher is a value


def _match_best(
    candidates: Sequence[Candidate],
    file: str,
    n: int,
    mode: str,
    of: int = 0,
    over: Over | None = None,
) -> list[Candidate] | Need:
    made = len(distinct(a for c in candidates for a in c.attempts)) if of else 0
    if made < of:
        return Need(of - made, of="attempts")
    ranks = ranked(_present(candidates), file, mode, over)
    return ranks[:n] if len(ranks) >= n else Need(n - len(ranks))


def _match_only(candidates: Sequence[Candidate]) -> list[Candidate] | Need:
    present = _present(candidates)
    if len(present) > 1:
        raise MatcherUnsatisfied(
            f"match_only wants one realization, and there are {len(present)}",
            realizations=listed(c.rref for c in present),
            remedy="choose with match_latest() or match_exact([rref]), or remove with rmref(rref)",
        )
    return present or Need(1)


def _match_all(candidates: Sequence[Candidate]) -> list[Candidate] | Need:
    return _present(candidates) or Need(1)


def _match_some(candidates: Sequence[Candidate], n: int) -> list[RRef] | Need:
    made = distinct(attempt for c in _present(candidates) for attempt in c.attempts)
    if len(made) < n:
        return Need(n - len(made), of="attempts")
    return [attempt.rref for attempt in made[:n] if attempt.rref]


def _match_exact(candidates: Sequence[Candidate], rrefs: tuple[RRef, ...]) -> list[RRef]:
    missing = sorted(set(rrefs) - {c.rref for c in _present(candidates)})
    if missing:
        raise MatcherUnsatisfied(
            "match_exact names realizations that do not exist for the present inputs",
            missing=listed(missing),
            exist=listed(c.rref for c in _present(candidates)) or "none",
            remedy="choose one that exists: lsref(dref) lists them",
        )
    return list(rrefs)


def _check_file(file: object) -> None:
    try:
        for part in file.split("/") if isinstance(file, str) else [file]:
            check_part(part)
    except BadRef:
        raise BadMatcher(
            "not the name of an artifact",
            given=repr(file)[:200],
            remedy="write it as lsref shows it: 'accuracy.txt', 'eval/loss.txt'",
        ) from None
