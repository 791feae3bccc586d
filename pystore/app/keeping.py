"""Keeping: gc leaves alone what a listener shows and what it fills.

KE1  The shown and the filled realization are pinned as long as the listener is recorded; each
     database that uses a store has pins of its own.
"""

from __future__ import annotations

import re
import time

from blake3 import blake3

from ..core.errors import PystoreError, in_one_line
from ..core.refs import RRef
from ..db.ledger import Ledger
from ..db.register import Standing
from ..store import pins as stored
from ..store.current import current_store

_LATER = 5.0  # [s] until a store that refused a pin is asked again
ROLES = ("shown", "target")


def pin_names(ledger: Ledger) -> dict[str, str]:
    """The names of the pins of a listener: of what it shows, and of what it fills."""
    entry = ledger.entry
    parts = [ledger.database.place, entry.collection, entry.name]
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", f"listener-{entry.collection}-{entry.name}")[:100]
    digest = blake3(repr(parts).encode()).hexdigest(4)
    return {role: f"{plain}-{digest}-{role}" for role in ROLES}


class Pins:
    """The pins of one listener, moved when it shows or fills another realization."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._names = ledger, pin_names(ledger)
        self._done: dict[str, int] = {}
        self._not_before = 0.0
        self.note: str | None = None  # why something is not pinned

    def move(self, standing: Standing) -> None:
        """Pins what is shown and what is filled. A store that is away is asked again later."""
        wanted = {"shown": standing.shown, "target": standing.target}
        for role, model in wanted.items():
            is_new = model is not None and self._done.get(role) != model
            if model is None or not is_new or time.monotonic() < self._not_before:
                continue
            rref = RRef(self._ledger.model(model)[0])
            try:
                stored.pin(current_store(), rref, self._names[role])
            except (OSError, PystoreError) as error:  # away, full, or this realization is gone
                self._not_before = time.monotonic() + _LATER
                self.note = f"gc may take {rref}, which is not pinned: {in_one_line(str(error))}"
                continue
            self._done[role], self.note = model, None


def unpin(ledger: Ledger) -> None:
    """Takes the pins of a listener away, where the store can be written."""
    for name in pin_names(ledger).values():
        try:
            stored.unpin(current_store(), name)
        except (OSError, PystoreError):  # there is none, or the store is away
            continue
