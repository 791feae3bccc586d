"""Listings: the artifacts of realizations. A realization never changes, and is listed once.

XL1  A realization whose manifest cannot be read is in no listing: whoever needs it reads it again.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

from ...core.errors import Corrupted
from ...core.holding import Holding
from ...core.listing import Listing
from ...core.manifest import MANIFEST, Manifest
from ...core.refs import DRef, RRef
from .. import disk
from ..layout import Layout
from .file import IndexFile
from .packing import Page, Piece, Unpackable, pack, segment, unpack
from .place import place_of
from .rows import by_page

_KIND = "listing"

Known = Mapping[DRef, Holding]


def listings(layout: Layout, held: Known, *, use_index: bool) -> dict[DRef, Listing]:
    """The listings of the realizations of these derivations that are here."""
    place = place_of(layout) if use_index else None
    if place is None:
        return {dref: _read(layout, dref, one.here) for dref, one in held.items()}
    found: dict[DRef, Listing] = {}
    with closing(IndexFile(place)) as file:
        for key, drefs in by_page(held).items():
            page = unpack(f"{_KIND} {key}", file.bodies(_KIND, [key]).get(key))
            old = {} if page is None else dict(_unpacked(page, drefs))
            now = {dref: _brought_up(layout, held[dref], old.get(dref)) for dref in drefs}
            if any(now[dref] is not old.get(dref) for dref in drefs):
                file.write(_KIND, _packed(layout, key, page, now))
            found |= now
    return {dref: found[dref] for dref in held}


def _brought_up(layout: Layout, held: Holding, old: Listing | None) -> Listing:
    """The listing of what is here now: the old one if that is the same."""
    if old is None:
        return _read(layout, held.dref, held.here)
    if held.here == old.digests:
        return old
    here, known = frozenset(held.here), old.places
    new = [digest for digest in held.here if digest not in known]
    if not new and len(known) == len(here):
        return old
    return old.kept(here, _read(layout, held.dref, new))


def _read(layout: Layout, dref: DRef, digests: Iterable[str]) -> Listing:
    found: dict[str, Manifest] = {}
    for digest in digests:
        path = f"{layout.realization(RRef.of(digest, dref))}/{MANIFEST}"
        try:
            found[digest] = Manifest.parse(disk.read(path))
        except (OSError, Corrupted):
            continue  # XL1
    return Listing.of(found)


def _packed(
    layout: Layout, key: str, page: Page | None, now: Mapping[DRef, Listing]
) -> list[tuple[str, bytes, bytes]]:
    """The row of a page with these listings, and with others that it had."""
    others = [DRef(dref) for dref in page.places if dref not in now] if page else []
    pieces = {
        dref: Piece(page.facts[page.places[dref]], page.segments_of(page.places[dref]))
        for dref in others
        if page and os.path.isdir(layout.derivation(dref))
    }
    try:
        pieces |= {dref: _piece(one) for dref, one in now.items()}
    except Unpackable:
        return []
    return [(key, pack(f"{_KIND} {key}", pieces), b"")]


def _piece(found: Listing) -> Piece:
    columns = {
        "digests": segment("digest", found.digests),
        "shape": segment("natural", found.shape),
        "sizes": segment("integer", found.sizes),
    } if found.digests else {}  # fmt: skip
    return Piece(found.shapes, columns)


def _unpacked(page: Page, drefs: Iterable[DRef]) -> Iterator[tuple[DRef, Listing]]:
    for dref in drefs:
        if (place := page.places.get(dref)) is not None:
            columns = page.columns_of(place)
            told = [columns[name] if columns else () for name in ("digests", "shape", "sizes")]
            shapes = [tuple((kind, path) for kind, path in one) for one in page.facts[place]]
            yield dref, Listing(told[0], shapes, told[1], told[2])
