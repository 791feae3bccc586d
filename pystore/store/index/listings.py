"""Listings: the artifacts of realizations. A realization never changes, and is listed once.

XL1  A realization whose manifest cannot be read is in no listing: whoever needs it reads it again.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

from ...core.errors import Corrupted
from ...core.holding import Holding
from ...core.listing import Listing
from ...core.manifest import MANIFEST, Manifest
from ...core.refs import DRef, RRef
from .. import disk
from ..layout import Layout
from .file import IndexFile
from .packing import Unpackable, pack, unpack
from .place import place_of

_KIND = "listing"
_BATCH = 200  # rows that are written at once

Known = Mapping[DRef, Holding]


def listings(layout: Layout, held: Known, *, use_index: bool) -> dict[DRef, Listing]:
    """The listings of the realizations of these derivations that are here."""
    place = place_of(layout) if use_index else None
    if place is None:
        return {dref: _read(layout, dref, one.here) for dref, one in held.items()}
    with closing(IndexFile(place)) as file:
        bodies = file.bodies(_KIND, held.keys())
        found: dict[DRef, Listing] = {}
        rows: list[tuple[str, bytes, bytes]] = []
        for dref, one in held.items():
            old = _unpacked(dref, bodies.pop(dref, None))
            found[dref] = _brought_up(layout, one, old)
            if found[dref] is not old:
                rows += _packed(dref, found[dref])
            if len(rows) >= _BATCH:
                file.write(_KIND, rows)
                rows = []
        file.write(_KIND, rows)
    return found


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


def _packed(dref: DRef, found: Listing) -> list[tuple[str, bytes, bytes]]:
    columns: dict[str, Sequence[object]] = {
        "digests": found.digests, "shape": found.shape, "sizes": found.sizes
    }  # fmt: skip
    try:
        body = pack(f"{dref} {_KIND}", {"shapes": found.shapes}, columns)
    except (Unpackable, ValueError):
        return []
    return [(dref, body, b"")]


def _unpacked(dref: DRef, body: bytes | None) -> Listing | None:
    unpacked = unpack(f"{dref} {_KIND}", body)
    if unpacked is None:
        return None
    facts, columns = unpacked
    shapes = [tuple((kind, path) for kind, path in shape) for shape in facts["shapes"]]
    return Listing(columns["digests"], shapes, columns["shape"], columns["sizes"])
