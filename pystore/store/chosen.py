"""Chosen: the realizations that users and later stages would get now.

CN1  Of each derivation, the latest, and what each matcher that has been used would choose.
CN2  A matcher chooses in contexts whose inputs are themselves chosen.
CN3  Where that is not known, as of a rule of a user's own, everything is chosen.
"""

from collections.abc import Iterable
from graphlib import TopologicalSorter

from ..core.candidate import Candidate
from ..core.errors import BadMatcher, Corrupted, MatcherUnsatisfied, NotInStore
from ..core.gc_policy import keep_latest
from ..core.matchers import Matcher
from ..core.refs import DRef, RRef
from . import uses
from .reader import Reader


def chosen(store: Reader) -> set[RRef]:
    """The realizations that would be chosen now."""
    inputs = {dref: _inputs(store, dref) for dref in store.drefs()}
    found: set[RRef] = set()
    for dref in TopologicalSorter(inputs).static_order():
        if dref in inputs:
            found |= _of(store, dref, found)
    return found


def _of(store: Reader, dref: DRef, before: set[RRef]) -> set[RRef]:
    folder = store.parts.layout.attempts(dref)
    matchers = list(uses.known(folder))
    reads = dict.fromkeys(file for one in matchers if one is not None for file in one.reads)
    candidates = [c for c in store.all_candidates(dref, reads) if not c.gone]
    found = keep_latest().chosen(candidates)
    for group in _live(store, candidates, before):
        for matcher in matchers:
            found |= _selected(matcher, group)
    return found


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
            continue  # it serves nobody
        if all(rref in before for rrefs in context.values() for rref in rrefs):
            yield group


def _selected(matcher: Matcher | None, group: list[Candidate]) -> set[RRef]:
    everything = {candidate.rref for candidate in group}
    if matcher is None:
        return everything
    metrics = [c.metric(name) for c in group for name in matcher.reads]
    if metrics and all(metric != metric for metric in metrics):
        return everything  # a misspelt metric must cost nothing
    try:
        answer = matcher.select(group)
    except (MatcherUnsatisfied, BadMatcher):
        return everything
    return set(answer) if isinstance(answer, tuple) else everything


def _inputs(store: Reader, dref: DRef) -> tuple[DRef, ...]:
    try:
        return store.config(dref).inputs
    except (Corrupted, NotInStore):
        return ()
