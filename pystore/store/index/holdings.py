"""Holdings: what a store holds of its derivations, by the index and what is new since.

IX1  The answers are those that the records give, whatever there is in the file of the index.
IX2  Where nothing is new, no record is read; else those that are new, and no others.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from pathlib import Path

from ...core.dataclasses import replace
from ...core.holding import Holding
from ...core.refs import DRef
from .. import attempts, packs
from ..changes import Folder, Seen, changes_since, reached
from ..layout import Layout
from .file import IndexFile
from .looking import Look, holding_of, look, nothing
from .packing import Unpackable
from .place import place_of
from .rows import KIND, Row, paths, read_row, read_stamps, write_row

FEW = 500  # files of attempts; so few are read as fast as an index
_BATCH = 200  # rows that are written at once
_TRIES = 3


def holdings(layout: Layout, drefs: Collection[DRef], staging_area: Path) -> dict[DRef, Holding]:
    """What one store holds of these derivations, whether the store below holds more or not."""
    place = None if _are_few(layout, drefs) else place_of(layout)
    if place is None:
        return {dref: holding_of(layout, dref, staging_area) for dref in drefs}
    with closing(IndexFile(place)) as file:
        rows = _Index(layout, file, _known.pop(place, {})).rows(drefs)
    _known.clear()
    _known[place] = {dref: row for dref, row in rows.items() if row}
    return {
        dref: row.look.whole(layout, staging_area) if (row := rows[dref]) else
        holding_of(layout, dref, staging_area)
        for dref in drefs
    }  # fmt: skip


_known: dict[Path, dict[DRef, Row]] = {}  # of the store that was asked last


def _are_few(layout: Layout, drefs: Iterable[DRef]) -> bool:
    left = FEW
    for dref in drefs:
        names = attempts.names(layout.attempts(dref))
        left -= len(names) + 1
        if left < 0 or packs.among(names):
            return False
    return True


class _Index:
    """The index of one store, while it is brought up to date."""

    def __init__(self, layout: Layout, file: IndexFile, known: Mapping[DRef, Row]) -> None:
        self._layout, self._file, self._known = layout, file, known
        self._new: list[tuple[str, bytes, bytes]] = []  # rows that are not written yet

    def rows(self, drefs: Collection[DRef]) -> dict[DRef, Row | None]:
        """The present row of each derivation; None where its records alone can say."""
        old = self._old(drefs)
        folders, changed = self._changes(drefs, old)
        found: dict[DRef, Row | None] = {}
        for dref in drefs:
            row = old.pop(dref, None)
            is_new = row is None or dref in changed
            found[dref] = self._anew(dref, row, folders) if is_new else row
        self._write(rest=True)
        return found

    def _old(self, drefs: Collection[DRef]) -> dict[DRef, Row]:
        """The rows as they were at an earlier look."""
        rows = {dref: self._known[dref] for dref in drefs if dref in self._known}
        if missing := [dref for dref in drefs if dref not in rows]:
            bodies = self._file.bodies(KIND, missing)
            found = ((dref, read_row(dref, bodies.get(dref))) for dref in missing)
            rows |= {dref: row for dref, row in found if row}
        return {dref: row for dref, row in rows.items() if row.may_count}

    def _changes(
        self, drefs: Collection[DRef], rows: Mapping[DRef, Row]
    ) -> tuple[Mapping[str, Folder], frozenset[DRef]]:
        """All folders as they are now, and the derivations that are to be looked at again."""
        own = Layout(self._layout.root)
        known: dict[str, Folder] = {}
        for dref, row in rows.items():
            known.update(zip(paths(own.derivation(dref)), row.folders, strict=True))
        before = Seen(known, clock=reached(own, known.values()))
        told = changes_since(own, set(drefs), {str(own.drv): before})
        return told.token[str(own.drv)].folders, frozenset(told.drefs)

    def _anew(self, dref: DRef, row: Row | None, folders: Mapping[str, Folder]) -> Row | None:
        before = nothing(dref)
        if row is not None:
            stamps = read_stamps(row, self._file.more(KIND, dref))
            before = replace(row.look, stamps=stamps)
        found = _look(self._layout, dref, before)
        one, other = (folders.get(path) for path in paths(self._layout.derivation(dref)))
        if found is None or one is None or other is None or other.stamp is None:
            return None
        try:
            body, more = write_row(dref, found, (one, other))
        except Unpackable:
            return None
        self._new.append((dref, body, more))
        self._write()
        return read_row(dref, body)  # it takes less room than what was found

    def _write(self, *, rest: bool = False) -> None:
        if rest or len(self._new) >= _BATCH:
            self._file.write(KIND, self._new)
            self._new = []


def _look(layout: Layout, dref: DRef, before: Look) -> Look | None:
    for _ in range(_TRIES):
        try:
            return look(layout, dref, before)
        except FileNotFoundError:
            continue  # something was removed just now
    return None
