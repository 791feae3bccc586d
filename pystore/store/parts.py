"""Parts: the values that one open store is made of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.dataclasses import dataclass, replace
from ..core.later import later
from ..core.refs import RRef
from .home import real
from .in_use import Session, session_of
from .layout import Layout, open_below, open_root

if TYPE_CHECKING:
    from ..core.options import Seeds
    from . import below, shared_files, staging_area
    from .attempts import Clock
else:
    later(globals(), ".below", ".shared_files", ".staging_area")


@dataclass(frozen=True)
class Parts:
    """What every operation on a store needs."""

    id: str  # another store at the same path has another one
    salt: str  # goes into the seeds; "" for the seeds that all stores share
    layout: Layout
    session: Session
    clock: Clock
    durable: bool
    staging_area: Path  # where realizers write

    @property
    def root(self) -> Path:
        """The directory of the store."""
        return self.layout.root

    @property
    def tmp(self) -> Path:
        """The directory in which a file is written before it is renamed to its place."""
        return self.layout.tmp

    @property
    def own(self) -> Parts:
        """The same store without the one below. Only this may be collected, checked and removed."""
        return replace(self, layout=Layout(self.root)) if self.layout.below else self

    @property
    def shared_files(self) -> shared_files.SharedFiles:
        """The files that several of its realizations share."""
        return shared_files.SharedFiles(self.layout)

    def hold(self, rrefs: tuple[RRef, ...], user: object | None = None) -> bool:
        """Keeps these from being collected. Returns False if one is not there any more."""
        self.session.hold(rrefs, user)
        return len(below.there(self.layout, rrefs)) == len(rrefs)


def open_parts(
    path: str | os.PathLike[str],
    *,
    durable: bool,
    custom_tmp: str | os.PathLike[str] | None,
    below: str | os.PathLike[str] | None,
    seeds: Seeds | None,
    clock: Clock,
) -> Parts:
    """The parts of the store at `path`, which is made where there is nothing.

    Raises NotAStore, FormatTooNew, and BadPlace for another user's `custom_tmp`.
    """
    root = real(path)
    mark = open_root(root, seeds)
    layout = Layout(root, None if below is None else open_below(real(below)))
    session = session_of(mark.id, layout.tmp, layout.gate)
    stagings = layout.tmp
    if custom_tmp is not None:
        stagings = staging_area.area(real(custom_tmp), layout, mark.id)
    return Parts(mark.id, mark.salt, layout, session, clock, durable, stagings)
