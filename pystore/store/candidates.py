"""Candidates from the disk: attempts that succeeded, grouped by what they made."""

from collections.abc import Collection, Iterator
from operator import attrgetter

from ..core.attempt import Attempt
from ..core.candidate import Candidate
from ..core.errors import Corrupted
from ..core.refs import DRef, RRef
from . import attempts, disk, records, trace_file, verdicts
from .layout import Layout


def gather(layout: Layout, dref: DRef, context: str, reads: tuple[str, ...]) -> list[Candidate]:
    """The candidates of the contexts whose digest starts with `context`, without the rejected.

    A realization that has the record of an attempt, but no directory, is gone.
    """
    names, by_context = records.look(layout.attempts(dref), context)
    made: dict[RRef, list[Attempt]] = {}
    for digest in by_context:
        if digest.startswith(context):
            for rref, tries in by_context[digest].items():
                made.setdefault(rref, []).extend(tries)
    if reads:
        listed = frozenset(names)
        made = {r: [_whole(layout, a, reads, listed) for a in tries] for r, tries in made.items()}
    rejected, damaged = (verdicts.among(names, kind) for kind in ("rejected", "damaged"))
    for rref in [rref for rref in made if rref.digest in rejected]:
        del made[rref]
    here = {rref for rref in present(layout, made) if rref.digest not in damaged}
    return [_candidate(layout, r, tries, reads, r in here) for r, tries in made.items()]


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
    names = attempts.names(folder)
    bad = verdicts.among(names, "rejected") | verdicts.among(names, "damaged")
    usable = set(layout.folders(dref[5:])) - bad
    numbers: dict[str, list[int]] = {}
    for name in filter(None, map(attempts.parse_name, names)):
        if name.kind == "json":
            numbers.setdefault(name.context, []).append(name.number)
    for context, known in numbers.items():
        files = (f"{context}.{number}.json" for number in sorted(known, reverse=True))
        for attempt in (a for file in files for a in attempts.read_records(folder, [file])):
            if attempt.rref is None or attempt.rref.digest not in usable:
                continue
            yield attempt
            # An attempt that was not adopted starts later than all with lower numbers (S7).
            if "adopted" not in attempt.notes:
                break


def _candidate(
    layout: Layout, rref: RRef, tries: list[Attempt], reads: tuple[str, ...], here: bool
) -> Candidate:
    tries.sort(key=attrgetter("order"))
    wanted = [name for name in reads if name not in tries[-1].metrics] if here else []
    files = {name: content for name in wanted if (content := _read(layout, rref, name)) is not None}
    return Candidate(rref, tuple(tries), files, gone=not here)


def _read(layout: Layout, rref: RRef, name: str) -> bytes | None:
    try:
        return disk.read(layout.out(rref) + "/" + name)
    except (FileNotFoundError, NotADirectoryError, Corrupted):
        return None  # the matcher ranks it last
