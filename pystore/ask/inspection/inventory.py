"""Inventory: what a store holds: derivations, realizations, artifacts."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from ...core.attempt import Attempt
from ...core.errors import Corrupted, NotInStore
from ...core.manifest import Manifest
from ...core.refs import DRef, RRef
from ...store import attempts as records
from ...store import below, disk
from ...store.commit import MANIFEST
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
    layouts = store.layout.readable
    return [_held(dref, [one.derivation(dref) for one in layouts]) for dref in drefs]


def _held(dref: DRef, homes: list[str]) -> Held:
    found = {name: home for home in homes for name in records.names(home) if len(name) == 32}
    times = [_time(f"{home}/{name}") for name, home in found.items()]
    here = [time for time in times if time is not None]
    return Held(dref, len(here), max(here, default=None))


def _time(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return None  # it was removed just now


def made(dref: DRef, store: Store) -> list[Made]:
    """The realizations of a derivation, those that are gone too, in the order of their building."""
    found: dict[RRef, list[Attempt]] = {rref: [] for rref in store.realizations(dref)}
    here = set(found)
    for attempt in store.attempts(dref):
        if attempt.rref is not None:
            found.setdefault(attempt.rref, []).append(attempt)
    rejected = below.marked(store.layout, dref, "rejected")
    damaged = below.marked(store.layout, dref, "damaged")

    def state(rref: RRef) -> str:
        if rref.digest in rejected:
            return "rejected"
        return "gone" if rref not in here else "damaged" if rref.digest in damaged else "here"

    rows = [Made(rref, tuple(tries), state(rref)) for rref, tries in found.items()]
    return sorted(rows, key=lambda row: row.attempts[-1].order if row.attempts else (0, 0, ""))


def manifest_of(rref: RRef, store: Store) -> Manifest:
    """The artifacts of a realization. Raises NotInStore, Corrupted."""
    try:
        home = store.layout.holder(rref).realization(rref)
        return Manifest.parse(disk.read(f"{home}/{MANIFEST}"))
    except FileNotFoundError:
        raise store.absent(rref) from None
    except Corrupted as error:
        raise error.having(rref=rref, remedy="pystore verify says more") from None


def size_of(rref: RRef, store: Store) -> tuple[int, int] | None:
    """Files and bytes of a realization; None when it is not here."""
    try:
        manifest = manifest_of(rref, store)
    except NotInStore:
        return None
    return sum(entry.kind == "file" for entry in manifest.entries), manifest.size
