"""Looking: what the folders of one derivation hold, read from the disk.

What an earlier look has read is not read again: a record is known by its name, inode, time and
size, so that another one in its place is noticed.
"""

import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from ...core.attempt import Attempt
from ...core.attempt_columns import AttemptColumns
from ...core.config import Config
from ...core.dataclasses import dataclass, replace
from ...core.errors import Corrupted
from ...core.holding import Holding
from ...core.refs import DRef
from .. import attempts, derivations, packs, verdicts
from ..layout import MATCHER, Layout

_DIGITS = re.compile("[0-9a-f]{32}")

Place = tuple[str, int]  # digest of the context, and number
Stamp = tuple[int, int, int]  # inode, time of the last change [ns], size
Stamps = Mapping[Place, Stamp | None]

_PACK = -1  # in place of a number: the stamp is that of a pack


@dataclass(frozen=True)
class Look:
    """The findings of a look at one derivation."""

    holding: Holding  # without attempts that have no record
    stamps: Stamps  # of the files of records, and of packs
    claims: tuple[Place, ...]  # that have no record

    def whole(self, layout: Layout, staging_area: Path) -> Holding:
        """The holding with the attempts that run or have died: nothing tells when one dies."""
        if not self.claims:
            return self.holding
        return replace(self.holding, load_attempts=partial(self._with_claims, layout, staging_area))

    def _with_claims(self, layout: Layout, staging_area: Path) -> AttemptColumns:
        dref = self.holding.dref
        begun = attempts.unended(layout.attempts(dref), dref, self.claims, staging_area)
        known = self.holding.attempts.outlines()
        return AttemptColumns.of(dref, [*known, *begun], outlines=True)


def nothing(dref: DRef) -> Look:
    """A look that has found nothing."""
    columns, none = AttemptColumns.of(dref, ()), frozenset[str]()
    found = Holding(dref, lambda: columns, lambda: None, (), None, none, none, (), False)
    return Look(found, {}, ())


def holding_of(layout: Layout, dref: DRef, staging_area: Path) -> Holding:
    """What a store holds of a derivation, from its records alone, which are read when needed."""
    folder = layout.attempts(dref)

    def read() -> AttemptColumns:
        return AttemptColumns.of(dref, attempts.read_all(folder, dref, staging_area))

    return _holding(layout, dref, read, attempts.names(folder))


def look(layout: Layout, dref: DRef, before: Look) -> Look | None:
    """What a store holds of a derivation; None where its records are not as pystore leaves them.

    Raises FileNotFoundError when something is removed meanwhile.
    """
    folder = layout.attempts(dref)
    listed = attempts.names(folder)
    parsed = [name for name in map(attempts.parse_name, listed) if name]
    ended = [(name.context, name.number) for name in parsed if name.kind == "json"]
    begun = [(name.context, name.number) for name in parsed if name.kind == "begin"]
    stamps = {place: _stamp(f"{folder}/{_record(place)}") for place in ended}
    packed = {(name[:32], _PACK): _stamp(f"{folder}/{name}") for name in packs.among(listed)}
    stamps |= packed
    if None in stamps.values():
        return None
    columns = before.holding.attempts
    kept = _kept(columns, before.stamps, stamps, packed)
    new = ended if kept is None else [p for p in ended if before.stamps.get(p) != stamps[p]]
    tries = attempts.read_records(folder, map(_record, new))
    if not _are_usual(tries, dref, new):
        return None
    if kept is None or new or len(kept) != columns.count:
        earlier = _in_packs(folder, listed) if kept is None else kept
        made = None if earlier is None else _each_once([*tries, *earlier])
        if made is None:
            return None
        columns = AttemptColumns.of(dref, made, outlines=True)
    places = _places(columns)
    if len(set(places)) < len(places) or not _are_usual([*columns.outlines()], dref, places):
        return None
    claims = tuple(sorted(set(begun) - set(places)))
    return Look(_holding(layout, dref, lambda: columns, listed), stamps, claims)


def _record(place: Place) -> str:
    return f"{place[0]}.{place[1]}.json"


def _places(columns: AttemptColumns) -> list[Place]:
    if not columns.count:
        return []
    return list(zip(columns.columns["context"], columns.columns["number"], strict=True))


def _kept(
    columns: AttemptColumns, before: Stamps, now: Stamps, packed: Stamps
) -> list[Attempt] | None:
    """The attempts whose records are as they were; None if all are to be read again.

    That is so where packs came or went, or files changed of which a pack may have the records.
    """
    old_packs = {place: stamp for place, stamp in before.items() if place[1] == _PACK}
    if old_packs != packed:
        return None
    if packed and any(now.get(place) != stamp for place, stamp in before.items()):
        return None
    return [
        columns.outline(at)
        for at, place in enumerate(_places(columns))
        if (before[place] == now.get(place) if place in before else bool(packed))
    ]


def _in_packs(folder: str, listed: list[str]) -> list[Attempt] | None:
    """The attempts in the packs of a folder; None if one is damaged."""
    found = packs.read_all(folder, listed)
    return None if any(one.damage for one in found) else [a for one in found for a in one.records()]


def _each_once(found: Iterable[Attempt]) -> Collection[Attempt] | None:
    """The attempts without later copies of the same record; None if two records share an id."""
    made: dict[str, Attempt] = {}
    for attempt in found:
        first = made.setdefault(attempt.id, attempt)
        if (first.context, first.number) != (attempt.context, attempt.number):
            return None
    return made.values()


def _are_usual(tries: list[Attempt], dref: DRef, places: list[Place]) -> bool:
    """Whether each record was read, and is about the attempt that its name says."""
    return [(a.context, a.number) for a in tries] == places and all(
        a.dref == dref and _DIGITS.fullmatch(a.id) and (a.rref is None or a.rref.dref == dref)
        for a in tries
    )


def _holding(
    layout: Layout, dref: DRef, load: Callable[[], AttemptColumns], listed: Iterable[str]
) -> Holding:
    here = dict(_here(layout.derivation(dref)))
    listed = set(listed)
    return Holding(
        dref,
        load,
        partial(_config, layout, dref),
        tuple(sorted(here)),
        max(here.values(), default=None),
        frozenset(verdicts.among(listed, "rejected")),
        frozenset(verdicts.among(listed, "damaged")),
        tuple(sorted(name for name in listed if name.endswith(MATCHER))),
        attempts.IMPORTED in listed,
        any(name.endswith(".note") for name in listed),
    )


def _config(layout: Layout, dref: DRef) -> Config | None:
    try:
        return derivations.read(layout, dref)
    except (FileNotFoundError, Corrupted):
        return None


def _here(home: str) -> Iterator[tuple[str, int]]:
    """The digests of the realizations in a folder, and the times of their directories [ns]."""
    with suppress(FileNotFoundError), os.scandir(home) as entries:
        for entry in entries:
            if _DIGITS.fullmatch(entry.name) and not entry.is_symlink():
                with suppress(FileNotFoundError):  # it was removed just now
                    yield entry.name, entry.stat().st_mtime_ns


def _stamp(path: str) -> Stamp | None:
    """The stamp of a record; None for a link: it may lead to a record that changes."""
    status = os.lstat(path)
    is_file = stat.S_ISREG(status.st_mode)
    return (status.st_ino, status.st_ctime_ns, status.st_size) if is_file else None
