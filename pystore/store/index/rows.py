"""Rows: what a look has found, with the stamps of the folders, in the pages of an index file.

XR1  A row says which stamps its folders had before they were read. So each row is true on its own,
     whoever wrote it last, and whatever has become of the others.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ...core.attempt_columns import COLUMNS, METRIC, AttemptColumns
from ...core.config import Config
from ...core.holding import Holding
from ...core.refs import DRef
from ..changes import Folder
from ..layout import ATTEMPTS
from ..read_log import boot
from .looking import Look, Place, Stamp
from .packing import Page, Piece, Segment, pack, segment, unpack

KIND = "holding"
_HERE, _CONFIG = "here", "config"  # names of columns
_AT = 1  # the place in the facts of the time at which the folders were looked at
_STAMP = ("inode", "time", "size")
_KINDS = {
    "start": "integer", "stop": "integer", "number": "natural", "seed": "natural",
    "pid": "natural", "id": "digest", "made": "digest",
}  # fmt: skip
_NO_ATTEMPTS: Mapping[str, Sequence[Any]] = dict.fromkeys(COLUMNS, ())


class Row(NamedTuple):
    """A row of the index: a look at one derivation, and the folders as they were before it."""

    look: Look  # without the stamps of its records
    folders: tuple[Folder, Folder]  # of the attempts, and of the derivation
    at: int  # when the folders were looked at [ns since the epoch, UTC]

    @property
    def may_count(self) -> bool:
        """Whether its stamps say something: if the clock was set back, a change may repeat one."""
        return self.at <= time.time_ns()


def by_page(drefs: Iterable[DRef]) -> dict[str, list[DRef]]:
    """The derivations by the key of the page that each is in: there are sixteen."""
    found: dict[str, list[DRef]] = {}
    for dref in drefs:
        found.setdefault(dref[5], []).append(dref)
    return found


def paths(home: str) -> tuple[str, str]:
    """The folders of a derivation that a row is about."""
    return home + ATTEMPTS, home


# --- reading ---------------------------------------------------------------------------


def read_page(key: str, packed: bytes | None) -> Page | None:
    """The page with these bytes; None if they are damaged."""
    return unpack(f"{KIND} {key}", packed)


def rows_in(page: Page, drefs: Iterable[DRef]) -> Iterator[tuple[DRef, Row]]:
    """The rows of those of these derivations that a page has."""
    now = bool(page.more) and page.more == boot()
    for dref in drefs:
        if (place := page.places.get(dref)) is not None:
            yield dref, _row(page, place, dref, now)


def _row(page: Page, place: int, dref: DRef, now: bool) -> Row:
    folders, at, count, metrics, built, marks, imported, noted, claims = page.facts[place]
    columns = page.columns_of(place)
    rejected, damaged, matchers = marks
    told = columns if count else _NO_ATTEMPTS  # the page may lack a column that none has
    holding = Holding(
        dref, partial(AttemptColumns, dref, count, tuple(metrics), told),
        partial(_config, dref, page, place), columns.get(_HERE, ()), built,
        frozenset(rejected), frozenset(damaged), tuple(matchers), imported, noted,
    )  # fmt: skip
    (one, since), (other, later) = folders
    found = Look(holding, {}, tuple((context, number) for context, number in claims))
    return Row(found, (_folder(one, since, now), _folder(other, later, now)), at)


def _config(dref: DRef, page: Page, place: int) -> Config | None:
    columns = page.columns_of(place)
    return Config.of_parts(dref, columns[_CONFIG][0]) if _CONFIG in columns else None


def _folder(stamp: list[int] | None, since: float | None, same_start: bool) -> Folder:
    """A folder. After a restart of the machine, nobody knows how long ago its time was."""
    if since is not None and not same_start:
        since = time.monotonic()
    return Folder(None if stamp is None else tuple(stamp), since)


def read_stamps(page: Page, packed: bytes) -> Page | None:
    """The stamps of the records in a page; None if they are damaged, or of another page."""
    return unpack(f"stamps {page.mark}", packed)


def stamps_of(page: Page | None, dref: DRef) -> dict[Place, Stamp | None]:
    """The stamps of the records of a derivation; none where they are not known."""
    if page is None or (place := page.places.get(dref)) is None:
        return {}
    columns = page.columns_of(place)
    if not columns:
        return {}
    places = zip(columns["context"], columns["number"], strict=True)
    stamps = zip(*(columns[name] for name in _STAMP), strict=True)
    return dict(zip(places, stamps, strict=True))


# --- writing ---------------------------------------------------------------------------


class Pieces(NamedTuple):
    """What a page and its stamps have of one derivation."""

    row: Piece
    stamps: Piece


def pieces_of(found: Look, folders: tuple[Folder, Folder]) -> Pieces:
    """The pieces of what a look has found. Raises Unpackable."""
    holding, columns = found.holding, found.holding.attempts
    told: dict[str, Segment] = {}
    for name in (*COLUMNS, *(METRIC + name for name in columns.metrics)) if columns.count else ():
        kind = "float" if name.startswith(METRIC) else _KINDS.get(name, "word")
        told[name] = segment(kind, columns.columns[name])
    if holding.here:
        told[_HERE] = segment("digest", holding.here)
    if holding.config is not None:
        told[_CONFIG] = segment("json", [holding.config.parts()])
    facts = _facts(Row(found, folders, time.time_ns()))
    return Pieces(Piece(facts, told), Piece(None, _stamps(found)))


def _facts(row: Row) -> list[Any]:
    held, tries = row.look.holding, row.look.holding.attempts
    marks = [sorted(held.rejected), sorted(held.damaged), held.matchers]
    return [
        row.folders, row.at, tries.count, tries.metrics, held.built, marks, held.imported,
        held.noted, row.look.claims,
    ]  # fmt: skip


def _stamps(found: Look) -> dict[str, Segment]:
    if not found.stamps:
        return {}
    stamps = [stamp or (0, 0, 0) for stamp in found.stamps.values()]
    return {
        "context": segment("word", [context for context, _ in found.stamps]),
        "number": segment("integer", [number for _, number in found.stamps]),
        **{
            name: segment("integer", [stamp[at] for stamp in stamps])
            for at, name in enumerate(_STAMP)
        },
    }


def pieces_again(dref: DRef, row: Row, page: Page, stamps: Page | None) -> Pieces:
    """The pieces of a derivation as they are in a page."""
    told = page.segments_of(page.places[dref])
    place = None if stamps is None else stamps.places.get(dref)
    known = stamps.segments_of(place) if stamps is not None and place is not None else {}
    return Pieces(Piece(_facts(row), told), Piece(None, known))


def are_same(pieces: Pieces, others: Pieces | None) -> bool:
    """Whether two pieces of one derivation tell the same, whenever the folders were looked at."""
    if others is None or pieces.stamps != others.stamps:
        return False
    return pieces.row.columns == others.row.columns and all(
        one == other
        for at, (one, other) in enumerate(zip(pieces.row.facts, others.row.facts, strict=True))
        if at != _AT
    )


def write_page(key: str, found: Mapping[DRef, Pieces]) -> tuple[bytes, bytes]:
    """The two parts of the row of a file: a page, and the stamps of its records.

    These are read only where something has changed.
    """
    body = pack(f"{KIND} {key}", {dref: one.row for dref, one in found.items()}, boot())
    mark = body[:32].decode()
    return body, pack(f"stamps {mark}", {dref: one.stamps for dref, one in found.items()})
