"""Stages: a row for each stage of the store; pinned ones first, then those that were built last."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ....ask.finding.values import Values, fitting_places
from ....core.dataclasses import dataclass
from ....core.holding import Holding
from ....core.note import tags_among
from ....core.refs import DRef
from ....store.notes import notes_in
from ....store.pins import pins
from ....store.store import Store
from ..asked import Asked, Shown


@dataclass(frozen=True)
class Row:
    """A stage: all derivations of one name."""

    name: str
    derivations: int
    realizations: int
    attempts: int
    running: int
    failed: int  # attempts that failed or died
    built: int | None  # [ns since the epoch, UTC] the latest
    size: int  # [bytes] of the files of its realizations
    pins: tuple[str, ...]
    tags: tuple[str, ...]


def show(asked: Asked) -> Shown:
    """The table of stages; with conditions, of what fits them."""
    store, conditions = asked.store, asked.conditions()
    held = store.holdings(store.drefs())
    places: Mapping[DRef, Sequence[int]] = {d: range(h.attempts.count) for d, h in held.items()}
    if conditions:
        places = fitting_places(places, Values(held, store), conditions)
    rows = _rows(held, places, store, whole=not conditions)
    command = asked.command("log", "--where", asked.where) if conditions else asked.command("ls")
    data = {"where": asked.where, "stages": [vars(row) for row in rows]}
    return Shown("stages.html", "Stages", {"rows": rows}, data, command)


def _rows(
    held: Mapping[DRef, Holding],
    places: Mapping[DRef, Sequence[int]],
    store: Store,
    *,
    whole: bool,
) -> list[Row]:
    families: dict[str, list[DRef]] = {}
    for dref in held:
        if whole or places[dref]:
            families.setdefault(dref.name, []).append(dref)
    named: dict[str, list[str]] = {}
    for pin, rref in pins(store).items():
        named.setdefault(rref.name, []).append(pin)
    sizes = {dref: sum(one.sizes) for dref, one in store.listings(held).items()}
    rows = []
    for name, drefs in families.items():
        ended = Counter(_outcomes(held, places, drefs))
        rows.append(
            Row(
                name,
                len(drefs),
                sum(_made(held[dref], places[dref], whole) for dref in drefs),
                sum(ended.values()),
                ended["running"],
                ended["failed"] + ended["died"],
                max((held[d].built or 0 for d in drefs), default=0) or None,
                sum(sizes[dref] for dref in drefs),
                tuple(named.get(name, ())),
                tags_among(note for dref in drefs for note in notes_in(store, held[dref])),
            )
        )
    return sorted(rows, key=lambda row: (not row.pins, -(row.built or 0), row.name))


def _made(held: Holding, places: Sequence[int], whole: bool) -> int:
    """The realizations that are here, of these attempts or of all."""
    if whole:
        return len(held.here)
    return len({held.attempts.made[at] for at in places} & set(held.here))


def _outcomes(
    held: Mapping[DRef, Holding], places: Mapping[DRef, Sequence[int]], drefs: Iterable[DRef]
) -> Iterable[Any]:
    for dref in drefs:
        outcomes = held[dref].attempts.outcomes if held[dref].attempts.count else ()
        yield from (outcomes[at] for at in places[dref])
