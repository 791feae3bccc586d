"""Inventory: lists of the derivations, the realizations and the pins of a store."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...core.errors import NotInStore
from ...core.later import later
from ...core.refs import DRef, RRef
from ...store.store import Store
from ..experiments.differing import differing
from ..finding.values import Values

if TYPE_CHECKING:
    from ...core import note
    from ...store import notes, pins
else:  # a list of derivations that nobody has noted anything about needs none of them
    later(globals(), "...core.note", "...store.notes", "...store.pins")


@dataclass(frozen=True)
class ListedDerivation:
    """A derivation, and how many of its realizations are here."""

    dref: DRef
    realizations: int
    built: int | None  # [ns since the epoch, UTC] the latest, by the directories
    parameters: Mapping[str, Any]  # that tell it from others of its name
    tags: tuple[str, ...] = ()  # of it, and of all in it

    def to_dict(self) -> dict[str, Any]:
        """The derivation as `pystore ls --json` prints it.

        `dref`, `name`, `realizations`, `built` [ns since 1970, UTC] or null, `parameters` by
        dotted name, and `tags` of it and of all in it.
        """
        return {
            "dref": self.dref,
            "name": self.dref.name,
            "realizations": self.realizations,
            "built": self.built,
            "parameters": dict(self.parameters),
            "tags": list(self.tags),
        }


@dataclass(frozen=True)
class ListedRealization:
    """A realization, and the attempts that made it, first to last."""

    rref: RRef
    attempts: tuple[Attempt, ...]
    state: str  # "here", "gone", "rejected" or "damaged"
    pins: tuple[str, ...]
    tags: tuple[str, ...] = ()  # of it, and of the attempts that made it

    @property
    def latest(self) -> Attempt | None:
        """The last attempt that made it, if one is recorded."""
        return self.attempts[-1] if self.attempts else None

    def to_dict(self) -> dict[str, Any]:
        """The realization as `pystore ls --json` prints it.

        `rref`, `dref`, `state`, `attempts` (their number), `built` [ns since 1970, UTC] or null,
        `metrics` of the latest attempt by name, `pins`, and `tags` of it and of its attempts.
        """
        return {
            "rref": self.rref,
            "dref": self.rref.dref,
            "state": self.state,
            "attempts": len(self.attempts),
            "built": self.latest.stop if self.latest else None,
            "metrics": dict(self.latest.metrics) if self.latest else {},
            "pins": list(self.pins),
            "tags": list(self.tags),
        }


class Pin(NamedTuple):
    """A name that keeps a realization."""

    pin: str
    rref: RRef

    def to_dict(self) -> dict[str, Any]:
        """The pin as `pystore pins --json` prints it: `pin` and `rref`."""
        return {"pin": self.pin, "rref": self.rref}


def list_derivations(drefs: Iterable[DRef], store: Store) -> list[ListedDerivation]:
    """These derivations, by name and by when they were built. No record of an attempt is read."""
    known = store.holdings(drefs)
    values = Values(known, store)
    families: dict[str, list[DRef]] = {}
    for dref in known:
        families.setdefault(dref.name, []).append(dref)
    found = []
    for family in families.values():
        told = _telling_apart(family, values) if len(family) > 1 else {}
        for dref in family:
            one, own = known[dref], told.get(dref, {})
            tags = note.tags_among(notes.notes_of(store, dref)) if one.noted else ()
            found.append(ListedDerivation(dref, len(one.here), one.built, own, tags))
    return sorted(found, key=lambda one: (one.dref.name, one.built or 0, one.dref))


def _telling_apart(family: Sequence[DRef], values: Values) -> dict[DRef, dict[str, Any]]:
    """The parameters that tell each derivation from the others of its name.

    One whose config is damaged is told so: the others can still be listed.
    """
    configs = {dref: config for dref in family if (config := values.config(dref))}
    damaged = {dref: {"config": "damaged"} for dref in family if dref not in configs}
    return damaged | differing(configs, values.config_of)


def list_realizations(dref: DRef, store: Store) -> list[ListedRealization]:
    """The realizations of a derivation in the order of their building, also those that are gone."""
    states, names, noted = store.states(dref), pins.pins(store), notes.notes_of(store, dref)
    found: dict[RRef, list[Attempt]] = {rref: [] for rref in store.realizations(dref)}
    for attempt in store.attempts(dref):
        if attempt.rref is not None:
            found.setdefault(attempt.rref, []).append(attempt)
    rows = [
        ListedRealization(
            rref,
            tuple(attempts),
            states.get(rref, "gone"),
            tuple(name for name, pinned in names.items() if pinned == rref),
            note.tags_among(note.about(noted, rref, attempts)),
        )
        for rref, attempts in found.items()
    ]
    return sorted(rows, key=lambda row: row.latest.order if row.latest else (0, 0, ""))


def list_pins(store: Store) -> list[Pin]:
    """The pins, by name."""
    return [Pin(name, rref) for name, rref in sorted(pins.pins(store).items())]


def size_of(rref: RRef, store: Store) -> tuple[int, int] | None:
    """Files and bytes of a realization; None if it is not here."""
    try:
        manifest = store.manifest(rref)
    except NotInStore:
        return None
    return sum(entry.kind == "file" for entry in manifest.entries), manifest.size
