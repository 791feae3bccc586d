"""Up to date: the rows of an index, brought up to date with what is new in a store."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ...core.dataclasses import replace
from ...core.refs import DRef
from ..changes import Calm, Folder, Seen, changes_since, reached, tick_of
from ..layout import Layout
from .file import IndexFile
from .looking import Look, Stamps, look, nothing
from .packing import Page, Unpackable
from .place import place_of
from .rows import (
    KIND,
    Pieces,
    Row,
    are_same,
    by_page,
    paths,
    pieces_again,
    pieces_of,
    read_page,
    read_stamps,
    rows_in,
    stamps_of,
    write_page,
)

_TRIES = 3


class _Known(NamedTuple):
    """The findings of the last question."""

    rows: Mapping[DRef, Row]
    seen: Seen | None  # how the folders were then


_NOTHING = _Known({}, None)
_known: dict[Path, _Known] = {}  # of the store that was asked last


def rows(layout: Layout, drefs: Collection[DRef]) -> dict[DRef, Row]:
    """The present rows of these derivations; none where its records alone can say."""
    place = place_of(layout)
    if place is None:
        return {}
    with closing(IndexFile(place)) as file:
        index = _Index(layout, file, _known.pop(place, _NOTHING))
        found = index.rows(drefs)
    _known.clear()
    _known[place] = _Known(found, index.seen)
    return found


class _Index:
    """The index of one store, while it is brought up to date."""

    def __init__(self, layout: Layout, file: IndexFile, known: _Known) -> None:
        self._layout, self._file, self._known = layout, file, known.rows
        self.seen = known.seen

    def rows(self, drefs: Collection[DRef]) -> dict[DRef, Row]:
        """The present rows of these derivations; none where its records alone can say."""
        found = self._old(drefs)
        folders, changed = self._changes(drefs, found)
        anew = [dref for dref in drefs if dref in changed or dref not in found]
        for dref in anew:
            found.pop(dref, None)
        for key, some in by_page(anew).items():
            found.update(self._anew(key, some, folders))
        return found

    def _old(self, drefs: Collection[DRef]) -> dict[DRef, Row]:
        """The rows as they were at an earlier look."""
        rows = {dref: self._known[dref] for dref in drefs if dref in self._known}
        missing = by_page(dref for dref in drefs if dref not in rows)
        bodies = self._file.bodies(KIND, missing)
        for key, some in missing.items():
            if page := read_page(key, bodies.get(key)):
                rows.update(rows_in(page, some))
        return {dref: row for dref, row in rows.items() if row.may_count}

    def _changes(
        self, drefs: Collection[DRef], rows: Mapping[DRef, Row]
    ) -> tuple[Mapping[str, Folder], frozenset[DRef]]:
        """All folders as they are now, and the derivations that are to be looked at again."""
        own, wanted = Layout(self._layout.root), frozenset(drefs)
        before = self._as_before(wanted, rows) or _seen(own, wanted, rows)
        told = changes_since(own, wanted, {str(own.drv): before})
        seen = told.token[str(own.drv)]
        self.seen = seen if told.drefs else replace(seen, calm=before.calm)
        return seen.folders, frozenset(told.drefs)

    def _as_before(self, wanted: frozenset[DRef], rows: Mapping[DRef, Row]) -> Seen | None:
        """What the last question has seen, if all was calm then, and these are its rows."""
        calm = None if self.seen is None else self.seen.calm
        if calm is None or not calm.drefs == wanted == rows.keys():
            return None
        return self.seen if all(row is self._known.get(d) for d, row in rows.items()) else None

    def _anew(
        self, key: str, drefs: Sequence[DRef], folders: Mapping[str, Folder]
    ) -> Iterator[tuple[DRef, Row]]:
        """The rows of derivations of one page, which is written if one of them is new."""
        page = read_page(key, self._file.bodies(KIND, [key]).get(key))
        stamps = page and read_stamps(page, self._file.more(KIND, key))
        before = {} if page is None else self._believed(page)

        def again(dref: DRef) -> Pieces | None:
            row = before.get(dref)
            return None if row is None or page is None else pieces_again(dref, row, page, stamps)

        new: dict[DRef, Pieces] = {}
        for dref in drefs:
            row = before.get(dref)
            old = replace(row.look, stamps=stamps_of(stamps, dref)) if row else nothing(dref)
            if piece := self._look(dref, old, folders):
                new[dref] = piece
        if all(are_same(piece, again(dref)) for dref, piece in new.items()):
            return ((dref, before[dref]) for dref in new)
        others = (dref for dref in before if dref not in drefs)
        there = (dref for dref in others if os.path.isdir(self._layout.derivation(dref)))
        kept = {dref: piece for dref in there if (piece := again(dref))}
        body, more = write_page(key, kept | new)
        self._file.write(KIND, [(key, body, more)])
        made = read_page(key, body)
        return rows_in(made, drefs) if made else iter(())

    def _believed(self, page: Page) -> dict[DRef, Row]:
        rows = rows_in(page, map(DRef, page.drefs))
        return {dref: row for dref, row in rows if row.may_count}

    def _look(self, dref: DRef, before: Look, folders: Mapping[str, Folder]) -> Pieces | None:
        """What the records of a derivation say; None where no page can have it."""
        found = _look(self._layout, dref, before)
        one, other = (folders.get(path) for path in paths(self._layout.derivation(dref)))
        if found is None or one is None or other is None or other.stamp is None:
            return None
        try:
            return pieces_of(replace(found, stamps=_lasting(found.stamps, one)), (one, other))
        except Unpackable:
            return None


def _lasting(stamps: Stamps, folder: Folder) -> Stamps:
    """The stamps of records; None for each that another record may get in the same tick."""
    if folder.stamp is None or folder.since is None:
        return stamps
    young = folder.stamp[0] - tick_of(folder.stamp) * 1e9
    return {place: one if one and one[1] < young else None for place, one in stamps.items()}


def _seen(own: Layout, wanted: frozenset[DRef], rows: Mapping[DRef, Row]) -> Seen:
    """How the folders were when these rows were made."""
    known: dict[str, Folder] = {}
    for dref, row in rows.items():
        known.update(zip(paths(own.derivation(dref)), row.folders, strict=True))
    calm = None
    if len(rows) == len(wanted) and all(folder.since is None for folder in known.values()):
        calm = Calm(wanted, tuple(known), [folder.stamp for folder in known.values()])
    return Seen(known, clock=reached(own, known.values()), calm=calm)


def _look(layout: Layout, dref: DRef, before: Look) -> Look | None:
    for _ in range(_TRIES):
        try:
            return look(layout, dref, before)
        except FileNotFoundError:
            continue  # something was removed just now
    return None
