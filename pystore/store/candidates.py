"""Candidates from the disk: attempts that succeeded, grouped by what they made."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

from ..core.attempt import Attempt
from ..core.candidate import Candidate
from ..core.errors import Corrupted
from ..core.later import later
from ..core.refs import DRef, RRef
from . import attempts, disk, packs, records, verdicts
from .layout import Layout
from .packs import Pack

if TYPE_CHECKING:
    from ..core.holding import Holding
    from ..core.matchers import Matcher
    from . import trace_file
else:
    later(globals(), ".trace_file")


def gather(layout: Layout, dref: DRef, context: str, reads: tuple[str, ...]) -> list[Candidate]:
    """The candidates of the contexts whose digest starts with `context`, without the rejected.

    A realization that has the record of an attempt, but no directory, is gone.
    """
    names, by_context = records.look(layout.attempts(dref), context)
    made = _joined([by_context[digest] for digest in by_context if digest.startswith(context)])
    listed = frozenset(name for name in names if name.endswith(".trace")) if reads else ()
    if listed:
        made = {r: [_whole(layout, a, reads, listed) for a in tries] for r, tries in made.items()}
    rejected, damaged = (verdicts.among(names, kind) for kind in ("rejected", "damaged"))
    for rref in [rref for rref in made if rref.digest in rejected]:
        del made[rref]
    here = present(layout, made)
    if damaged:
        here = {rref for rref in here if rref.digest not in damaged}
    return [_candidate(layout, r, tries, reads, r in here) for r, tries in made.items()]


def _joined(several: list[records.Made]) -> records.Made:
    """What was made in several contexts; the lists of attempts may be those that were given."""
    if len(several) == 1:
        return dict(several[0])
    made: records.Made = {}
    for one in several:
        for rref, tries in one.items():
            made.setdefault(rref, []).extend(tries)
    return made


def held_by(layout: Layout, held: "Holding", matchers: "Iterable[Matcher]") -> list[Candidate]:
    """The candidates of all contexts for these matchers, without the rejected.

    Of their attempts there are outlines, unless a matcher asks for values at single steps.
    """
    several = list(matchers)
    reads = tuple(dict.fromkeys(file for one in several for file in one.reads))
    if any("over" in dict(one.arguments) for one in several):
        return gather(layout, held.dref, "", reads)
    tries, here = held.attempts, frozenset(held.here) - held.damaged
    made: dict[str, list[Attempt]] = {}
    for at, digest in enumerate(tries.made):
        if digest and digest not in held.rejected:
            made.setdefault(digest, []).append(tries.outline(at))
    return [
        _candidate(layout, RRef.of(digest, held.dref), attempts, reads, digest in here)
        for digest, attempts in made.items()
    ]


def _whole(
    layout: Layout, attempt: Attempt, reads: tuple[str, ...], listed: frozenset[str]
) -> Attempt:
    """An attempt with its extremes, which are sought in the trace if an older version wrote it."""
    if attempt.extremes is not None or attempt.metrics.keys().isdisjoint(reads):
        return attempt
    name = f"{attempt.context}.{attempt.number}.trace"
    if name not in listed:
        return attempt
    path = f"{layout.attempts(attempt.dref)}/{name}"
    return attempt._replace(extremes=trace_file.extremes(path, attempt.id))


def present(layout: Layout, rrefs: Collection[RRef]) -> set[RRef]:
    """The realizations among these whose directory is there."""
    if len(rrefs) <= 3:
        return {rref for rref in rrefs if layout.has(rref)}
    # One listing of each derivation is quicker than one look for each realization.
    listed = {home: set(layout.folders(home)) for home in {r[38:] for r in rrefs}}
    return {rref for rref in rrefs if rref[5:37] in listed[rref[38:]]}


def last(layout: Layout, dref: DRef) -> Iterator[Attempt]:
    """Attempts whose realizations can be used. The last one of each context is among them.

    Few records are read.
    """
    folder = layout.attempts(dref)
    return iter(attempts.steadily(folder, lambda names: list(_last(layout, dref, folder, names))))


def _last(layout: Layout, dref: DRef, folder: str, names: list[str]) -> Iterator[Attempt]:
    bad = verdicts.among(names, "rejected") | verdicts.among(names, "damaged")
    usable = set(layout.folders(dref[5:])) - bad
    joined, numbers = packs.read_all(folder, names), dict[str, set[int]]()
    for name in filter(None, map(attempts.parse_name, chain(names, *(p.names for p in joined)))):
        if name.kind == "json":
            numbers.setdefault(name.context, set()).add(name.number)
    for context, known in numbers.items():
        files = (f"{context}.{number}.json" for number in sorted(known, reverse=True))
        for attempt in (a for file in files for a in _tries(folder, file, names, joined)):
            if attempt.rref is None or attempt.rref.digest not in usable:
                continue
            yield attempt
            # An attempt that was not adopted starts later than all with lower numbers (S7).
            if "adopted" not in attempt.notes:
                break


def _tries(folder: str, file: str, names: list[str], joined: list[Pack]) -> list[Attempt]:
    found = [attempt for one in joined for attempt in one.tries(file)]
    return found + attempts.read_records(folder, [file] if file in names else [])


def _candidate(
    layout: Layout, rref: RRef, tries: list[Attempt], reads: tuple[str, ...], here: bool
) -> Candidate:
    if len(tries) > 1:
        tries = sorted(tries, key=attrgetter("order"))
    wanted = [name for name in reads if name not in tries[-1].metrics] if here else []
    files = {name: content for name in wanted if (content := _read(layout, rref, name)) is not None}
    return Candidate(rref, tuple(tries), files, gone=not here)


def _read(layout: Layout, rref: RRef, name: str) -> bytes | None:
    try:
        return disk.read(layout.out(rref) + "/" + name)
    except (FileNotFoundError, NotADirectoryError, Corrupted):
        return None  # the matcher ranks it last
