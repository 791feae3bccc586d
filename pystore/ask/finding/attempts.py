"""Attempts that fit conditions, in an order; their records are read only where they are shown.

FN1  What is found is what is found by reading all records.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import merge, nlargest
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from ...core.attempt import Attempt
from ...core.attempt_columns import AttemptColumns
from ...core.dataclasses import dataclass, replace
from ...core.derivation import Closure
from ...core.errors import BadStage
from ...core.holding import Holding
from ...core.instants import nanoseconds
from ...core.options import checked_count
from ...core.refs import DRef, RRef, parse_ref
from ...declare.parameters import ABSENT
from ...declare.recorder import store_was_read
from ...store.current import current_store
from ...store.notes import notes_in
from ...store.store import Store
from ..experiments.differing import differing
from ..experiments.family import named, tell
from .conditions import Condition, Where, conditions, equal, names
from .values import Values, fitting

Place = tuple[Holding, int]  # an attempt: the holding of its derivation, and its place in it
_SHOWN = ("stage", "attempt", "outcome", "seconds")


@dataclass(frozen=True)
class Wanted:
    """Which attempts are meant, and in which order."""

    where: Where | None = None
    since: int | None = None  # [ns since the epoch, UTC] they began then or later
    failed: bool = False  # only those that failed or died
    host: str | None = None  # also a pattern
    tag: str | None = None  # of the attempt, its realization or its derivation; also a pattern
    sort: str | None = None  # a name, with `-` in front for the highest first; None: the newest

    def conditions(self) -> list[Condition]:
        """All conditions but `since`. Raises BadStage if a text is none."""
        found = conditions(self.where)
        if self.failed:
            found.append(Condition("attempt.outcome", lambda value: value in ("failed", "died")))
        if self.host is not None:
            found.append(Condition("attempt.host", equal(self.host)))
        return found

    def names(self) -> list[str]:
        """The names in the conditions and in the order that no table of attempts has anyway."""
        told = [*names(conditions(self.where)), *([self.sort.lstrip("-")] if self.sort else [])]
        return [name for name in dict.fromkeys(told) if name not in _SHOWN]


def in_full(tries: AttemptColumns, at: int, store: Store) -> Attempt | None:
    """An attempt with all that its record says; None if that was removed just now."""
    return tries.full[at] if tries.full else store.in_full(tries.outline(at))


@dataclass(frozen=True)
class Found:
    """Attempts that were found, and the values of their names."""

    places: Sequence[Place]
    total: int  # how many fit; `places` may be fewer
    values: Values

    def attempts(self, store: Store) -> list[Attempt]:
        """The attempts in full, by their records. One whose record is lost is left out."""
        return self.in_full(store)[1]

    def in_full(self, store: Store) -> tuple["Found", list[Attempt]]:
        """What is there of it: without those whose record is lost, and the others in full."""
        whole = [in_full(holding.attempts, at, store) for holding, at in self.places]
        kept = [place for place, one in zip(self.places, whole, strict=True) if one is not None]
        lost = len(whole) - len(kept)
        there = self if not lost else replace(self, places=kept, total=self.total - lost)
        return there, [one for one in whole if one is not None]

    def parameters(self) -> list[str]:
        """The names of the parameters in which the derivations of these attempts differ."""
        drefs = dict.fromkeys(holding.dref for holding, _ in self.places)
        configs = {dref: config for dref in drefs if (config := self.values.config(dref))}
        told = differing(configs, self.values.config_of)
        return list(dict.fromkeys(name for named in told.values() for name in named))

    def cells(self, name: str) -> list[Any]:
        """The value of a name of each attempt; None where it has none, "None" where that is it."""
        found = {dref: self.values.of(dref, name) for dref in {h.dref for h, _ in self.places}}
        cells = (found[holding.dref][at] for holding, at in self.places)
        return [None if cell is ABSENT else "None" if cell is None else cell for cell in cells]


def find(
    refs: Iterable[DRef | RRef], store: Store, wanted: Wanted, most: int | None = None
) -> Found:
    """The attempts of these derivations, and those that made these realizations, that fit.

    Raises BadStage for a condition that names nothing that there is.
    """
    refs = list(refs)
    known = store.holdings(dict.fromkeys(ref.dref for ref in refs))
    values = Values(known, store)
    tests = wanted.conditions()
    values.check([*names(tests), *([wanted.sort.lstrip("-")] if wanted.sort else [])])
    held = [known[ref.dref] for ref in refs]
    meant = [_meant(one, ref, wanted.since) for one, ref in zip(held, refs, strict=True)]
    chosen = [
        (one, _tagged(one, fitting(one.dref, some, values, tests), wanted.tag, store))
        for one, some in zip(held, meant, strict=True)
    ]
    total = sum(len(places) for _, places in chosen)
    ordered = _sorted(chosen, values, wanted.sort) if wanted.sort else _newest(chosen, most)
    return Found(list(islice(ordered, most)), total, values)


def _meant(held: Holding, ref: DRef | RRef, since: int | None) -> Sequence[int]:
    """The places of the attempts of a derivation, or of a realization, that began since then."""
    columns = held.attempts
    found: Sequence[int] = range(columns.count)
    if since is not None and columns.count:
        found = range(bisect_left(columns.starts, since), columns.count)
    if isinstance(ref, RRef):
        found = [at for at in found if columns.made[at] == ref.digest]
    return found


def _tagged(held: Holding, places: Sequence[int], tag: str | None, store: Store) -> Sequence[int]:
    """Those of the places of attempts that have a tag."""
    if tag is None or not places:
        return places
    test = equal(tag)
    notes = [note for note in notes_in(store, held) if note.tag and test(note.tag)]
    if not notes:
        return []
    tries = ((at, held.attempts.outline(at)) for at in places)
    return [at for at, attempt in tries if any(note.is_about(attempt) for note in notes)]


def _newest(chosen: Iterable[tuple[Holding, Sequence[int]]], most: int | None) -> Iterator[Place]:
    """The attempts, the newest first; only as many as are asked for are looked at."""
    begun = [(held.attempts.starts[some[-1]], held, some) for held, some in chosen if some]
    if most is not None and len(begun) > most:
        # So many derivations have a newer attempt: those whose last one is older are not needed.
        last = nlargest(most, (start for start, _, _ in begun))[-1] if most else math.inf
        begun = [one for one in begun if one[0] >= last]
    lists = (_backwards(turn, held, some) for turn, (_, held, some) in enumerate(begun))
    return ((holding, at) for _, _, at, holding in merge(*lists, reverse=True))


def _backwards(
    turn: int, holding: Holding, places: Sequence[int]
) -> Iterator[tuple[tuple[int, int, str], int, int, Holding]]:
    columns = holding.attempts
    return ((columns.order(at), turn, at, holding) for at in reversed(places))


def _sorted(
    chosen: Iterable[tuple[Holding, Sequence[int]]], values: Values, by: str
) -> Iterator[Place]:
    """The attempts by the values of a name; those that have none come last."""
    name, sign = by.lstrip("-"), -1 if by.startswith("-") else 1
    numbers: list[tuple[float, Place]] = []
    texts: list[tuple[str, Place]] = []
    rest: list[Place] = []
    for holding, places in chosen:
        column = values.of(holding.dref, name)
        for at in places:
            value = column[at]
            if value is ABSENT or value != value:
                rest.append((holding, at))
            elif isinstance(value, (int, float)):
                numbers.append((sign * value, (holding, at)))
            else:
                texts.append((str(value), (holding, at)))
    numbers.sort(key=itemgetter(0))
    texts.sort(key=itemgetter(0), reverse=sign < 0)
    return chain((place for _, place in numbers), (place for _, place in texts), rest)


def attempts(
    target: Any = None,
    *,
    where: Where | None = None,
    since: datetime | None = None,
    tag: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
    store: Store | None = None,
) -> list[Attempt]:
    """The attempts of a target, or all; the oldest first.

    `target` is a reference, a derivation, a view, or a closure; a stage or the name of one, which
    stands for its family by the code that was tried last; or several of these, as in a sweep.
    `where` has conditions, such as `"epochs=3 accuracy.txt>0.9 host=gpu*"`, or values by name:
    `{"epochs": 3}`. `tag` may be a pattern. `sort` is the name of a parameter, a metric or a fact,
    with `-` in front for the highest first. `limit` takes the first in that order, else the newest.
    `since` without a time zone is local.

    Raises NotInStore when nothing is known of the derivation, BadStage for a name or a condition
    that names nothing that there is.
    """
    store = current_store(store)
    store_was_read()
    meant = dict.fromkeys(store.drefs() if target is None else _targets(target, store))
    refs = [ref for ref in meant if isinstance(ref, DRef) or ref.dref not in meant]  # each once
    most = None if limit is None else checked_count("limit", limit, least=0)
    for name, given in {"tag": tag, "sort": sort}.items():
        if given is not None and not isinstance(given, str):
            raise BadStage(f"{name} is {ascii(given)[:200]}, not a text", remedy=f"{name}='…'")
    found = find(refs, store, Wanted(where, _begun(since), tag=tag, sort=sort), most)
    made = found.attempts(store)
    return made if sort is not None else made[::-1]


def _begun(since: datetime | None) -> int | None:
    """The time [ns since the epoch, UTC]. Raises BadStage for what is no datetime."""
    if since is None:
        return None
    if isinstance(since, datetime):
        return nanoseconds(since if since.tzinfo else datetime.astimezone(since))
    raise BadStage(
        f"since is {ascii(since)[:200]}, not a datetime",
        remedy="since=datetime.now() - timedelta(days=2)",
    )


def _targets(target: Any, store: Store) -> Iterator[DRef | RRef]:
    """The references that are meant. Raises NotInStore, BadRef, BadStage."""
    if isinstance(target, Closure):
        yield from target.drefs
    elif (isinstance(target, str) and ":" in target) or hasattr(target, "dref"):
        parsed = parse_ref(target)
        if isinstance(parsed, DRef):
            store.config(parsed)
        yield parsed
    elif isinstance(target, Iterable) and not isinstance(target, str):
        for one in target.values() if isinstance(target, Mapping) else target:
            yield from _targets(one, store)
    else:
        meant = named(target, store, "now", tried=True)
        tell(meant.left_out, meant.drefs[0].name)
        yield from meant.drefs
