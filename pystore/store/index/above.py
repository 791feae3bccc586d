"""Above: what a store and the one below it hold of derivations, together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...core.attempt_columns import AttemptColumns
from ...core.dataclasses import replace
from ...core.holding import Holding
from ...core.later import later
from ...core.refs import DRef
from ..parts import Parts
from . import holdings as of_one

if TYPE_CHECKING:
    from ...core import same_run
    from ...core.listing import Listing
    from . import listing_pages
else:
    later(globals(), "...core.same_run", ".listing_pages")  # few questions need them


def holdings(parts: Parts, drefs: Sequence[DRef]) -> dict[DRef, Holding]:
    """What both stores hold of these derivations."""
    own = of_one.holdings(parts.layout, drefs, parts.staging_area)
    _, *others = parts.layout.readable
    for other in others:
        below = of_one.holdings(other, drefs, other.tmp)
        own = {dref: _both(own[dref], below[dref]) for dref in drefs}
    return own


def listings(parts: Parts, held: Mapping[DRef, Holding]) -> "dict[DRef, Listing]":
    """The artifacts of what both stores hold of these derivations."""
    use_index = sum(len(one.here) for one in held.values()) > of_one.FEW
    found = [listing_pages.listings(o, held, use_index=use_index) for o in parts.layout.readable]
    own, *others = found
    for below in others:
        own = {dref: _together(own[dref], below[dref]) for dref in held}
    return own


def _together(mine: "Listing", other: "Listing") -> "Listing":
    return other.kept(frozenset(other.digests) - frozenset(mine.digests), mine)


def _both(mine: Holding, other: Holding) -> Holding:
    """What two stores hold of one derivation: of copies and repetitions, mine count."""
    return replace(
        mine,
        load_config=lambda: mine.config or other.config,
        load_attempts=lambda: _merged(mine.attempts, other.attempts),
        here=tuple(sorted({*mine.here, *other.here})),
        built=max(filter(None, (mine.built, other.built)), default=None),
        rejected=mine.rejected | other.rejected,
        damaged=mine.damaged | other.damaged,
        imported=mine.imported,
        noted=mine.noted or other.noted,
    )


def _merged(mine: AttemptColumns, other: AttemptColumns) -> AttemptColumns:
    if not mine.count or not other.count:
        return mine if mine.count else other
    return AttemptColumns.of(
        mine.dref, same_run.merge(mine.outlines(), other.outlines()), outlines=True
    )
