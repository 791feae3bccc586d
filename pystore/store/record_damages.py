"""The damages of the records of a derivation, and of the files beside them."""

from functools import partial
from typing import NamedTuple

from ..core.errors import Corrupted
from ..core.record_names import record_names
from ..core.refs import DRef, RRef
from . import attempt_files, attempts, disk, notes, packs, verdicts
from .damage import Damage, Kind
from .in_turn import InTurn


class Found(NamedTuple):
    """What a look at the records of a derivation has found."""

    damages: list[Damage]
    made: set[RRef]  # the realizations that the sound records name
    marked: set[str]  # the digests of the realizations that are marked as damaged


def look(folder: str, dref: DRef, turn: InTurn) -> Found:
    """The damages in the folder of the attempts of a derivation, and what the attempts made."""
    return attempts.steadily(folder, partial(_look, folder, dref, turn))


def _look(folder: str, dref: DRef, turn: InTurn, names: list[str]) -> Found:
    damages, made = [], _made_in_packs(folder, names)
    files = [(name, attempts.kind_of(name)) for name in sorted(names)]
    texts = turn.read_all([f"{folder}/{name}" for name, ending in files if ending == "json"])
    for name, ending in files:
        kind: Kind = "attempt"
        match ending:
            case "json":
                found = [_record_damage(name, next(texts), dref, made)]
            case "pack":
                kind, found = "pack", _pack_damages(packs.read_again(folder, name), dref)
            case "trace" | "diff":
                found = [attempt_files.damage(folder, name)]
            case "rejected" | "damaged" | "forgotten":
                kind, found = "verdict", [verdicts.damage(folder, name)]
            case "note":
                kind, found = "note", [notes.damage(folder, name, dref)]
            case _:
                continue
        for what in filter(None, found):
            damages.append(Damage(dref, kind, f"drv/{dref[5:]}/attempts/{name}", what))
    return Found(damages, made, verdicts.among(names, "damaged"))


def _pack_damages(found: packs.Pack, dref: DRef) -> list[str]:
    if found.damage:
        return [found.damage]
    texts = [(name, text) for name, text in sorted(found.files) if attempts.is_record(name)]
    faults = [(name, _record_damage(name, text, dref, set())) for name, text in texts]
    return [f"{name} in it: {fault}" for name, fault in faults if fault]


def _record_damage(name: str, text: bytes, dref: DRef, made: set[RRef]) -> str:
    """What is wrong with a record. Adds the realization that it names to those that were made."""
    try:
        context, number, of, rref = record_names(text)
    except Corrupted as error:
        return error.what
    if rref is not None:
        made.add(rref)
    if f"{context}.{number}.json" != name or of != dref:
        return "it is the record of another attempt"
    if rref is not None and rref.dref != dref:
        return "it names a realization of another derivation"
    return ""


def made_in(folder: str) -> set[RRef]:
    """The realizations that the records in a folder of attempts name."""
    return attempts.steadily(folder, partial(_made, folder))


def _made(folder: str, names: list[str]) -> set[RRef]:
    texts = [disk.read(f"{folder}/{name}") for name in names if attempts.is_record(name)]
    made = _made_in_packs(folder, names)
    return made.union(rref for rref in map(_made_by, texts) if rref is not None)


def _made_in_packs(folder: str, names: list[str]) -> set[RRef]:
    made = {attempt.rref for one in packs.read_all(folder, names) for attempt in one.records()}
    return {rref for rref in made if rref is not None}


def _made_by(text: bytes) -> RRef | None:
    try:
        return record_names(text).rref
    except Corrupted:
        return None  # this record is named as a damage of its own
