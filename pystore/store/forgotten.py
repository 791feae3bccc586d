"""Forgotten: marks of realizations that were made of rows that were forgotten since.

FM1  A mark stays when the bytes go, and forbids nothing: whoever looks is told.
"""

import time
from collections.abc import Collection, Iterable, Mapping

from ..core.refs import RRef
from . import below, derivations, rights, verdicts
from .reader import Reader
from .remove import built_from


@rights.explained
def mark_forgotten(store: Reader, rref: RRef, rows_of: Iterable[RRef]) -> None:
    """Marks a realization as made of rows of these snapshots, of which it may be one (FM1)."""
    layout = store.parts.layout
    known = below.verdict(layout, rref, "forgotten").get("rows_of", [])
    facts = {"rows_of": sorted({*known, *rows_of}), "at": time.time_ns()}
    derivations.record(store.parts, [store.config(rref.dref)])  # it may be known below only
    with store.parts.session.open_gate():
        verdicts.put(layout.attempts(rref.dref), rref, "forgotten", facts, store.parts.tmp)


def snapshots_forgotten(store: Reader) -> list[RRef]:
    """The snapshots that have held forgotten rows, whether their bytes are here or gone."""
    layout = store.parts.layout
    marked = {rref for dref in store.drefs() for rref in below.marked(layout, dref, "forgotten")}
    facts = {rref: below.verdict(layout, rref, "forgotten") for rref in sorted(marked)}
    return [rref for rref, told in facts.items() if rref in told.get("rows_of", ())]


def built_of(store: Reader, wanted: Collection[RRef]) -> list[RRef]:
    """The realizations here that were built from one of these, at any distance; not these."""
    rrefs = [rref for dref in store.drefs() for rref in store.realizations(dref)]
    found = downstream({rref: built_from(store, rref) for rref in rrefs}, wanted)
    return sorted(found - {*wanted})


def downstream(inputs: Mapping[RRef, set[RRef]], wanted: Iterable[RRef]) -> set[RRef]:
    """These, and each of the keys of `inputs` that was built from one of them at any distance."""
    found = {*wanted}
    while new := {rref for rref, of in inputs.items() if rref not in found and of & found}:
        found |= new
    return found
