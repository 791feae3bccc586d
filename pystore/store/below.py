"""Below: a second store that is read only, such as that of a laboratory.

BE1  Nothing is ever written to the store below: no lock, no note, no link to one of its files.
BE2  A realization or an attempt that both stores have counts once: realizations by their names,
    attempts by their ids, or by their seeds if they made the same realization.
BE3  A realization that goes away below is built again when it is needed.
"""

import os
from collections.abc import Iterable
from typing import Any

from ..core.attempt import Attempt
from ..core.candidate import Candidate
from ..core.dataclasses import replace
from ..core.errors import Corrupted
from ..core.refs import DRef, RRef
from ..core.same_run import merge
from . import attempts, disk, records, verdicts
from .attempts import Before
from .candidates import gather
from .layout import Layout, well_formed


def candidates(layout: Layout, dref: DRef, context: str, reads: tuple[str, ...]) -> list[Candidate]:
    """The candidates of both stores, merged."""
    first, *others = (gather(one, dref, context, reads) for one in layout.readable)
    if not others:
        return first
    rejected, merged = marked(layout, dref, "rejected"), {c.rref: c for c in first}
    for candidate in (candidate for found in others for candidate in found):
        mine = merged.get(candidate.rref)
        merged[candidate.rref] = _both(mine, candidate) if mine else candidate
    return [c for c in merged.values() if c.rref not in rejected]


def _both(mine: Candidate, other: Candidate) -> Candidate:
    here = other if mine.gone else mine
    return replace(here, attempts=tuple(merge(mine.attempts, other.attempts)))


def all_attempts(layout: Layout, dref: DRef) -> list[Attempt]:
    """All attempts of a derivation that the store below knows."""
    _, *others = layout.readable
    found = (attempts.read_all(one.attempts(dref), dref, one.tmp) for one in others)
    return [attempt for tries in found for attempt in tries]


def made(layout: Layout, dref: DRef, without: str) -> set[RRef]:
    """The realizations that attempts made in other contexts than `without`, in both stores."""
    found: set[RRef] = set()
    for one in layout.readable:
        folder = one.attempts(dref)
        _, by_context = records.look(folder)
        found.update(r for digest, made in by_context.items() if digest != without for r in made)
    return found


def marked(layout: Layout, dref: DRef, kind: verdicts.Kind) -> set[RRef]:
    """The realizations of a derivation that have a verdict of this kind in either store."""
    names = (attempts.names(one.attempts(dref)) for one in layout.readable)
    digests = (digest for found in names for digest in verdicts.among(found, kind))
    return set(well_formed(RRef, (f"rref:{digest}-{dref[5:]}" for digest in digests)))


def verdict(layout: Layout, rref: RRef, kind: verdicts.Kind) -> dict[str, Any]:
    """The facts of a verdict in either store; empty if there is none.

    A damaged verdict stands too, and its facts say that it is damaged.
    """
    for one in layout.readable:
        folder = one.attempts(rref.dref)
        if verdicts.stands(folder, rref, kind):
            try:
                return verdicts.read(folder, rref, kind)
            except FileNotFoundError:
                continue  # it was lifted just now
            except Corrupted as error:
                why = f"nobody can read why: {error.what}"
                return {"rref": rref, "reason": why, "what": [why]}
    return {}


def there(layout: Layout, rrefs: Iterable[RRef]) -> set[RRef]:
    """The realizations among these whose artifacts are in either store."""
    return {r for r in rrefs if any(os.path.isdir(one.out(r)) for one in layout.readable)}


def ended(layout: Layout, dref: DRef, context: str, after: int, *, seeds: bool) -> Before:
    """The limits that the attempts below set for a new one: number, start and seeds.

    The start is no earlier than `after`. The seeds are read only with `seeds`.
    """
    _, *others = layout.readable
    folders = [one.attempts(dref) for one in others]
    taken = [(folder, attempts.begun_numbers(folder, context)) for folder in folders]
    numbers = [number for _, found in taken for number in found]
    starts = [attempts.last_start(folder, context, found) for folder, found in taken]
    had = [attempts.imported_seeds(folder, context) for folder in folders] if seeds else []
    start = max([after, *(last + 1 for last in starts)])
    return Before(max(numbers, default=-1) + 1, start, frozenset().union(*had))


def home(layout: Layout, attempt: Attempt) -> Layout:
    """The layout of the store that has the record of an attempt and the files beside it."""
    for one in layout.readable[1:]:
        if not _has(layout, attempt) and _has(one, attempt):
            return one
    return layout


def _has(layout: Layout, attempt: Attempt) -> bool:
    folder, place = layout.attempts(attempt.dref), (attempt.context, attempt.number)
    if not attempt.id:  # it has no record
        return attempts.read_begin(folder, *place).get("start") == attempt.start
    try:
        text = disk.read(layout.beside(attempt.dref, *place, "json"))
    except (FileNotFoundError, Corrupted):
        return False
    return f'"id":"{attempt.id}"'.encode() in text
