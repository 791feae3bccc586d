"""Removing and rejecting single realizations, unless something else needs them."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import Corrupted, InUse, NoAccess, NotInStore
from ..core.note import REJECTED, check_text
from ..core.printable import counted, listed
from ..core.refs import DRef, RRef
from . import below, derivations, disk, notes, rights, tree, verdicts
from .live_file import used
from .reader import Reader
from .trash import discard


@rights.explained
def remove(store: Reader, ref: DRef | RRef, *, force: bool = False) -> None:
    """Removes a realization's bytes (its attempts stay), or a derivation with everything.

    Raises InUse when others were built from it, a pin keeps it, or another process uses it,
    unless `force`; NoAccess when it belongs to another user.
    """
    store = store.own
    with store.parts.session.closed_gate():
        if isinstance(ref, RRef) and ref not in store.realizations(ref.dref):
            raise store.absent(ref)
        if not force:
            _refuse_needed(store, ref)
        if isinstance(ref, RRef):
            drop(store, ref)
        else:
            remove_derivation(store, ref)


def remove_derivation(store: Reader, dref: DRef) -> None:
    """Removes a derivation, or only our part of it; then raises NoAccess for the rest."""
    folders = {r: Path(store.parts.layout.realization(r)) for r in store.realizations(dref)}
    home = Path(store.parts.layout.derivation(dref))
    others = [path for path in [home, *folders.values()] if not rights.is_ours(path)]
    if not others:
        return drop(store, dref)
    mine = [rref for rref, path in folders.items() if path not in others]
    for rref in mine:
        drop(store, rref)
    raise NoAccess(
        "parts of this belong to others, and stay",
        ref=dref,
        removed=counted(len(mine), "realization"),
        left=listed((rights.obstacle(path, "it stays") for path in others), "\n"),
        remedy="ask their owners to remove them",
    )


def drop(store: Reader, ref: DRef | RRef) -> None:
    """Removes a realization's bytes, or a derivation with everything. Raises NotInStore (S3)."""
    parts, layout = store.parts, store.parts.layout
    target = Path(layout.realization(ref) if isinstance(ref, RRef) else layout.derivation(ref))
    try:
        resting = discard(layout, target)
    except FileNotFoundError:
        raise store.absent(ref) from None
    if parts.durable:
        disk.sync_directory(target.parent)
    if resting is not None:
        tree.remove(resting)
    parts.shared_files.prune()


def needs(store: Reader, ref: DRef | RRef) -> dict[str, Sequence[str]]:
    """Everything that needs this: later realizations, pins, and other processes."""
    from .pins import pins  # for its weight: each store can drop what it holds

    own = {ref} if isinstance(ref, RRef) else set(store.realizations(ref))
    return {
        "needed_by": sorted(dependents(store, ref)),
        "pinned_as": [name for name, rref in pins(store).items() if rref in own],
        "used_by_processes": sorted(own & used(store.parts.tmp, without=store.parts.session.names)),
    }


def _refuse_needed(store: Reader, ref: DRef | RRef) -> None:
    reasons = needs(store, ref)
    if any(reasons.values()):
        raise InUse(
            "something else needs this",
            ref=ref,
            remedy="remove what needs it first, or rmref(ref, force=True)",
            **{name: listed(what) or None for name, what in reasons.items()},
        )


def dependents(store: Reader, ref: DRef | RRef) -> set[str]:
    """The realizations that were built directly from this; for a DRef, derivations too.

    A damaged realization, whose context cannot be read, is not among them.
    """
    own = {ref} if isinstance(ref, RRef) else set(store.realizations(ref))
    found: set[str] = set()
    for dref in store.drefs():
        if ref.dref not in _inputs(store, dref):
            continue
        if isinstance(ref, DRef):
            found.add(dref)
        found.update(rref for rref in store.realizations(dref) if own & built_from(store, rref))
    return found


def dependents_first(store: Reader, refs: Sequence[DRef | RRef]) -> list[DRef | RRef]:
    """The same references, each after all that were built from it."""
    left = {ref: dependents(store, ref) - {ref} for ref in refs}
    order: list[DRef | RRef] = []
    while left:
        free = [ref for ref, by in left.items() if not by & left.keys()] or list(left)
        order += free
        left = {ref: by for ref, by in left.items() if ref not in free}
    return order


def _inputs(store: Reader, dref: DRef) -> Sequence[DRef]:
    try:
        return store.config(dref).inputs
    except (Corrupted, NotInStore):
        return ()


def built_from(store: Reader, rref: RRef) -> set[RRef]:
    """The inputs of a realization; none where they cannot be read."""
    try:
        return {need for rrefs in store.context(rref).values() for need in rrefs}
    except (Corrupted, NotInStore):
        return set()


@rights.explained
def reject(store: Reader, rref: RRef, reason: str) -> None:
    """Takes a realization out of matching and statistics for good; its bytes stay."""
    if not any(attempt.rref == rref for attempt in store.attempts(rref.dref)):
        raise NotInStore("no attempt made this", ref=rref, remedy="attempts(dref) lists them")
    told = check_text(reason)
    facts = {"reason": told, "by": os.geteuid(), "at": time.time_ns()}
    derivations.record(store.parts, [store.config(rref.dref)])  # it may be known below only
    folder = store.parts.layout.attempts(rref.dref)
    with store.parts.session.open_gate():
        verdicts.put(folder, rref, "rejected", facts, store.parts.tmp)
    notes.add(store, rref, tag=REJECTED, because=told)  # for other stores


def rejected(store: Reader, dref: DRef) -> dict[RRef, str]:
    """The rejected realizations of a derivation, and why."""
    made = {a.rref for a in store.attempts(dref) if a.rref}
    found = ((rref, below.verdict(store.parts.layout, rref, "rejected")) for rref in sorted(made))
    return {rref: facts["reason"] for rref, facts in found if facts}
