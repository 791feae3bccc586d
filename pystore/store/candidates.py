"""Candidates from the disk: attempts that succeeded, grouped by what they made.

CD1  The candidates are those that records and folders give now, whatever an earlier call found.
"""

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


_MANY = 32  # candidates; fewer are made again just as fast
_MOST = 8  # of how many derivations candidates are kept

# folder of a derivation, what is read → candidates for which no file was read
_known: dict[tuple[str, tuple[str, ...]], dict[RRef, Candidate]] = {}


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
    if rejected:
        made = {rref: tries for rref, tries in made.items() if rref.digest not in rejected}
    here = present(layout, made)
    if damaged:
        here = {rref for rref in here if rref.digest not in damaged}
    if len(made) < _MANY:
        return [_candidate(layout, r, tries, reads, r in here) for r, tries in made.items()]
    return _offered(layout, dref, reads, made, here)


def _offered(
    layout: Layout, dref: DRef, reads: tuple[str, ...], made: records.Made, here: set[RRef]
) -> list[Candidate]:
    """The candidates, of which most may be those of an earlier call."""
    key = (layout.derivation(dref), reads)
    known = _known.pop(key, {})
    found, is_new = [], False
    for rref, tries in made.items():
        one = known.get(rref)
        if (
            one is None
            or one.gone is (rref in here)
            # A list of attempts only grows, and attempts that are read again are other objects.
            or one.attempts[-1] is not tries[-1]
            or len(one.attempts) != len(tries)
        ):
            one, is_new = _candidate(layout, rref, tries, reads, rref in here), True
        found.append(one)
    if is_new:
        known = {one.rref: one for one in found if one.gone or not _unrecorded(one.latest, reads)}
    while len(_known) >= _MOST:
        _known.pop(next(iter(_known), key), None)
    _known[key] = known
    return found


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
    homes = {rref[38:] for rref in rrefs}
    if len(homes) == 1:
        names = set(layout.folders(homes.pop()))
        return {rref for rref in rrefs if rref[5:37] in names}
    listed = {home: set(layout.folders(home)) for home in homes}
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
    wanted = _unrecorded(tries[-1], reads) if here else []
    files = {name: content for name in wanted if (content := _read(layout, rref, name)) is not None}
    return Candidate(rref, tuple(tries), files, gone=not here)


def _unrecorded(attempt: Attempt, reads: tuple[str, ...]) -> list[str]:
    """The names for which an attempt has no metric: their files are read."""
    return [name for name in reads if name not in attempt.metrics]


def _read(layout: Layout, rref: RRef, name: str) -> bytes | None:
    try:
        return disk.read(layout.out(rref) + "/" + name)
    except (FileNotFoundError, NotADirectoryError, Corrupted):
        return None  # the matcher ranks it last
