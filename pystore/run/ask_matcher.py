"""Choosing: what a matcher makes of what a store has."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from ..core.candidate import Candidate
from ..core.context import Context
from ..core.derivation import Derivation
from ..core.errors import Corrupted, NotInStore
from ..core.matchers import Need
from ..core.refs import RRef
from ..core.schedule import more_attempts
from ..store.ports import StoreProtocol, Substituter


@dataclass(frozen=True)
class MatcherAnswer:
    """What was offered, and what the matcher said: the realizations to use, or a Need."""

    candidates: list[Candidate]
    answer: tuple[RRef, ...] | Need


def choose(
    store: StoreProtocol,
    derivation: Derivation,
    context: Context,
    wanted: int,
    substituter: Substituter | None = None,
) -> MatcherAnswer:
    """The choice of the derivation's matcher, which is kept while this process lives (S9).

    `wanted` is how many attempts must have succeeded. What a substituter has found may be chosen,
    too, and is fetched then. Raises what the matcher raises.
    """
    absent: set[RRef] = set()
    while True:
        found = (substituter or store).candidates(
            derivation.dref, context, derivation.matcher.reads
        )
        candidates = _without(absent, found) if absent else found
        answer = more_attempts(wanted, candidates) or derivation.matcher.select(candidates)
        if isinstance(answer, Need):
            return MatcherAnswer(candidates, answer)
        if (substituter is None or substituter.fetch(answer)) and store.hold(answer):
            return MatcherAnswer(candidates, answer)
        # gc was quicker, or somebody has removed what the listing still shows.
        absent.update(rref for rref in answer if not _has(store, rref))


def _without(absent: Collection[RRef], found: list[Candidate]) -> list[Candidate]:
    return [replace(c, gone=c.gone or c.rref in absent) for c in found]


def _has(store: StoreProtocol, rref: RRef) -> bool:
    try:
        return store.path(rref).is_dir()
    except (NotInStore, Corrupted):
        return False
