"""Inventory: what a store holds: derivations, realizations, artifacts."""

from collections.abc import Iterable
from dataclasses import dataclass

from ...core.attempt import Attempt
from ...core.errors import NotInStore
from ...core.refs import DRef, RRef
from ...store.store import Store


@dataclass(frozen=True)
class Held:
    """A derivation: how many of its realizations are here, and when the last of them came."""

    dref: DRef
    realizations: int
    built: int | None  # [ns since the epoch, UTC], as their directories say


@dataclass(frozen=True)
class Made:
    """A realization, with the attempts that made it, first to last."""

    rref: RRef
    attempts: tuple[Attempt, ...]
    state: str  # "here", or why it is not used: "gone", "rejected", "damaged"


def held(drefs: Iterable[DRef], store: Store) -> list[Held]:
    """What is here of each derivation; no record is opened."""
    times = ((dref, store.built(dref)) for dref in drefs)
    return [Held(dref, len(built), max(built, default=None)) for dref, built in times]


def made(dref: DRef, store: Store) -> list[Made]:
    """The realizations of a derivation, those that are gone too, in the order of their building."""
    states = store.states(dref)
    found: dict[RRef, list[Attempt]] = {rref: [] for rref in store.realizations(dref)}
    for attempt in store.attempts(dref):
        if attempt.rref is not None:
            found.setdefault(attempt.rref, []).append(attempt)
    rows = [Made(rref, tuple(tries), states.get(rref, "gone")) for rref, tries in found.items()]
    return sorted(rows, key=lambda row: row.attempts[-1].order if row.attempts else (0, 0, ""))


def size_of(rref: RRef, store: Store) -> tuple[int, int] | None:
    """Files and bytes of a realization; None when it is not here."""
    try:
        manifest = store.manifest(rref)
    except NotInStore:
        return None
    return sum(entry.kind == "file" for entry in manifest.entries), manifest.size
