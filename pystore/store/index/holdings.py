"""Holdings: what a store holds of its derivations, by the index if there are many attempts.

IX1  The answers are those that the records give, whatever there is in the file of the index.
IX2  Where nothing is new, no record is read; else those that are new, or came in a tick of the
     clock that was not over then, and no others.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.holding import Holding
from ...core.later import later
from ...core.refs import DRef
from .. import attempts, packs
from ..layout import Layout
from .looking import holding_of

if TYPE_CHECKING:
    from . import up_to_date
else:
    later(globals(), ".up_to_date")  # few attempts need no index

FEW = 500  # files of attempts; so few are read as fast as an index


def holdings(layout: Layout, drefs: Collection[DRef], staging_area: Path) -> dict[DRef, Holding]:
    """What one store holds of these derivations, whether the store below holds more or not."""
    rows = {} if _are_few(layout, drefs) else up_to_date.rows(layout, drefs)
    return {
        dref: row.look.whole(layout, staging_area) if (row := rows.get(dref)) else
        holding_of(layout, dref, staging_area)
        for dref in drefs
    }  # fmt: skip


def _are_few(layout: Layout, drefs: Iterable[DRef]) -> bool:
    left = FEW
    for dref in drefs:
        names = attempts.names(layout.attempts(dref))
        left -= len(names) + 1
        if left < 0 or packs.among(names):
            return False
    return True
