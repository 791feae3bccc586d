"""Chosen: the realizations that users and later stages would get now.

CN1  Of each derivation, the latest is chosen, and what each matcher that was used would choose.
CN2  A matcher chooses only in contexts whose inputs are themselves chosen.
CN3  Everything is chosen where that cannot be known, as with a matcher of a user's own.
"""

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter

from ..core.candidate import Candidate
from ..core.errors import BadMatcher, Corrupted, MatcherUnsatisfied, NotInStore
from ..core.holding import Holding
from ..core.matchers import Matcher
from ..core.refs import DRef, RRef
from . import uses
from .candidates import held_by
from .reader import Reader


def chosen(store: Reader, held: Mapping[DRef, Holding]) -> set[RRef]:
    """The realizations that would be chosen now, of all that the store holds."""
    inputs = {dref: one.config.inputs if one.config else () for dref, one in held.items()}
    found: set[RRef] = set()
    for dref in TopologicalSorter(inputs).static_order():
        if dref in inputs:
            found |= _of(store, held[dref], found)
    return found


def _of(store: Reader, held: Holding, before: set[RRef]) -> set[RRef]:
    found = _latest(held)
    if not held.matchers:
        return found
    folder = store.parts.layout.attempts(held.dref)
    matchers = list(uses.known(folder))
    known = [matcher for matcher in matchers if matcher is not None]
    candidates = [c for c in held_by(store.parts.layout, held, known) if not c.gone]
    for group in _live(store, candidates, before):
        for matcher in matchers:
            found |= _selected(matcher, group)
    return found


def _latest(held: Holding) -> set[RRef]:
    """What `match_latest` chooses of a derivation."""
    usable, made = held.usable, held.attempts.made
    for at in reversed(range(held.attempts.count)):
        if made[at] in usable:
            return {RRef.of(made[at], held.dref)}
    return set()


def _live(
    store: Reader, candidates: Iterable[Candidate], before: set[RRef]
) -> Iterable[list[Candidate]]:
    """The candidates of each context whose inputs are all chosen (CN2)."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.latest.context, []).append(candidate)
    for group in groups.values():
        try:
            context = store.context(group[0].rref)
        except (Corrupted, NotInStore):
            continue  # nobody can use it
        if all(rref in before for rrefs in context.values() for rref in rrefs):
            yield group


def _selected(matcher: Matcher | None, group: list[Candidate]) -> set[RRef]:
    everything = {candidate.rref for candidate in group}
    if matcher is None:
        return everything
    metrics = [c.metric(name) for c in group for name in matcher.reads]
    if metrics and all(metric != metric for metric in metrics):
        return everything  # a misspelt metric must not let gc remove anything
    try:
        answer = matcher.select(group)
    except (MatcherUnsatisfied, BadMatcher):
        return everything
    return set(answer) if isinstance(answer, tuple) else everything


def matchers_of(store: Reader, dref: DRef) -> list[Matcher]:
    """The matchers that have chosen among the realizations of a derivation, and can be read.

    `match_latest`, which is not written down, is the last one.
    """
    folder = store.parts.layout.attempts(dref)
    return [*(one for one in uses.known(folder) if one is not None), uses.USUAL]
