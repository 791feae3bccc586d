"""Verifying a store: hashes every file again, and names each damage.

VE1  Each changed byte, mode, name or file of the store is found; a sound store gives no damage.
VE2  A realization that was found damaged is not served from then on.
VE3  Constant memory: files are hashed as streams.
VE4  A realization is marked or moved only after a second look, with the gate closed: nobody can
    replace it meanwhile.
"""

import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..core.dataclasses import dataclass
from ..core.errors import Corrupted, NotInStore
from ..core.events import Listener, Progress, ignore
from ..core.printable import counted
from ..core.refs import DRef, RRef, parse_ref
from . import attempts, helping, kept_code, pin_changes, record_damages, rights, verdicts
from .damage import Damage
from .in_turn import InTurn
from .quick_look import QuickLook
from .reader import Reader
from .trash import trash
from .tree_damages import Looking, unrecorded


@dataclass(frozen=True)
class Report:
    """The result of a verification."""

    damages: tuple[Damage, ...]
    realizations: int  # how many were checked
    size: int  # how many bytes were hashed
    quarantined: tuple[RRef, ...] = ()  # moved to trash/, where they lie until the next gc

    @property
    def sound(self) -> bool:
        """Whether there is no damage."""
        return not self.damages

    def to_dict(self) -> dict[str, Any]:
        """The verification as `pystore verify --json` prints it, the size in bytes."""
        return {
            "sound": self.sound,
            "realizations": self.realizations,
            "size": self.size,
            "damages": [damage.to_dict() for damage in self.damages],
            "quarantined": list(self.quarantined),
        }

    def __str__(self) -> str:
        what = "sound" if self.sound else counted(len(self.damages), "damage")
        head = f"{counted(self.realizations, 'realization')}, {counted(self.size, 'byte')}: {what}"
        return "\n".join([head, *map(str, self.damages)])


@rights.explained
def verify(
    store: Reader,
    *,
    quarantine: bool = False,
    listener: Listener = ignore,
    only: Collection[DRef | RRef] | None = None,
) -> Report:
    """Hashes everything in the store again, or `only` these references, and names each damage.

    A damaged realization is marked and no longer served (VE2). With `quarantine` it is moved to
    `trash/`, unless it belongs to another user. The mark on a sound realization is removed.
    """
    rounds = _Rounds(store, quarantine, listener)
    damages: list[Damage] = []
    if only is None:
        damages += [*_access(store), *_pin_changes(store.own), *_code(store.own)]
    damages += rounds.over(only, "references") if only is not None else rounds.everything()
    return Report(tuple(damages), rounds.checked, rounds.size, tuple(rounds.quarantined))


class _Seen(NamedTuple):
    """What a look at a derivation or a realization has found, which changes nothing."""

    damages: list[Damage]  # of the config and the records
    sound: int  # how many realizations without damages there are
    size: int  # of all files that were hashed [bytes]
    doubtful: list[tuple[RRef, list[Damage] | None]]  # the others; None for a second look

    def parts(self) -> list[Any]:
        """What `of_parts` takes, as JSON."""
        doubtful = [(rref, found and _parts(found)) for rref, found in self.doubtful]
        return [_parts(self.damages), self.sound, self.size, doubtful]

    @classmethod
    def of_parts(cls, parts: list[Any]) -> "_Seen":
        """What another process has seen."""
        damages, sound, size, doubtful = parts
        others = [(RRef(rref), found and _damages(found)) for rref, found in doubtful]
        return cls(_damages(damages), sound, size, others)


def _parts(damages: list[Damage]) -> list[Any]:
    return [(one.ref, one.kind, one.path, one.what) for one in damages]


def _damages(parts: list[Any]) -> list[Damage]:
    return [Damage(parse_ref(ref), kind, path, what) for ref, kind, path, what in parts]


class _Rounds:
    def __init__(self, store: Reader, quarantine: bool, listener: Listener) -> None:
        self._store = store.own
        self._layout = store.parts.layout  # with the store below: inputs may lie there
        self._quarantine = quarantine
        self._listener = listener
        self._turn = InTurn()
        self._looking = Looking(self._turn, self._dangling)
        self._made: dict[DRef, set[RRef]] = {}  # the realizations that recorded attempts made
        self._marks: dict[DRef, set[str]] = {}  # the digests of those that were marked
        self.checked = self.size = 0
        self.quarantined: list[RRef] = []

    def everything(self) -> list[Damage]:
        return self.over(self._store.drefs(), "derivations")

    def over(self, refs: Collection[DRef | RRef], unit: str) -> list[Damage]:
        """The damages of these, in their order."""
        ordered = list(refs)
        damages: dict[int, list[Damage]] = {}

        def done(number: int, parts: list[Any]) -> None:
            damages[number] = self._judged(_Seen.of_parts(parts))
            told = Progress(ordered[number].dref, len(damages), len(ordered), unit)
            self._listener(told)

        helping.shared(ordered, lambda ref: self._see(ref).parts(), done)
        return [one for _, found in sorted(damages.items()) for one in found]

    def _see(self, ref: DRef | RRef) -> _Seen:
        """A look at a derivation or a realization. Raises NotInStore."""
        self._looking.size = 0
        damages, rrefs = self._derivation(ref) if isinstance(ref, DRef) else self._only(ref)
        quick = self._quickly(rrefs)
        sound, doubtful = len(quick), list[tuple[RRef, list[Damage] | None]]()
        for rref in rrefs:
            if rref in quick:
                continue
            before = self._looking.size
            if (found := self._look(rref)) is None:
                continue
            if _grave(found) or self._may_be_marked(rref):
                self._looking.size = before
                doubtful.append((rref, None))
            elif found:
                doubtful.append((rref, found))
            else:
                sound += 1
        return _Seen(damages, sound, self._looking.size + sum(quick.values()), doubtful)

    def _quickly(self, rrefs: list[RRef]) -> dict[RRef, int]:
        """Those that a quick look finds sound, each with the size of its files [bytes]."""
        places = [
            (rref, self._home(rref))
            for rref in rrefs
            if rref in self._made.get(rref.dref, ()) and not self._may_be_marked(rref)
        ]
        return dict(QuickLook(self._dangling).sound(places))

    def _only(self, rref: RRef) -> tuple[list[Damage], list[RRef]]:
        if rref not in self._store.realizations(rref.dref):
            raise self._store.absent(rref)
        return [], [rref]

    def _derivation(self, dref: DRef) -> tuple[list[Damage], list[RRef]]:
        """The damages of the config and the records of a derivation, and its realizations."""
        damages = []
        try:
            self._store.config(dref)
        except (Corrupted, NotInStore) as error:
            what = str(error.because) if isinstance(error, Corrupted) else "missing"
            damages.append(Damage(dref, "config", f"drv/{dref[5:]}/config.json", what))
        rrefs = self._store.realizations(dref)  # first: the record of each came before it
        folder = self._store.parts.layout.attempts(dref)
        found = record_damages.look(folder, dref, self._turn)
        self._made[dref], self._marks[dref] = found.made, found.marked
        return damages + found.damages, rrefs

    def _judged(self, seen: _Seen) -> list[Damage]:
        """All damages that were seen, after a second look at those that may be grave."""
        damages = list(seen.damages)
        self.checked += seen.sound
        self.size += seen.size
        for rref, found in seen.doubtful:
            last = self._again(rref) if found is None else found
            if last is not None:
                self.checked += 1
                damages += last
        return damages

    def _again(self, rref: RRef) -> list[Damage] | None:
        """The damages of a realization that nobody can replace meanwhile; it is marked by them."""
        with self._store.parts.session.closed_gate() as writable:
            self._looking.size, self._looking.known = 0, {}
            self._made.pop(rref.dref, None)
            found = self._look(rref)
            self.size += self._looking.size
            if found is not None and writable:
                self._judge(rref, _grave(found))
        return found

    def _look(self, rref: RRef) -> list[Damage] | None:
        """The damages of a realization; None when gc or rmref has just removed it."""
        home = self._home(rref)
        try:
            found = self._looking.damages(rref, home)
        except FileNotFoundError:
            if os.path.exists(home):
                raise
            return None
        return found if self._recorded(rref) else [*found, unrecorded(rref)]

    def _dangling(self, need: RRef) -> bool:
        """Whether an input of a realization does not exist, and no record of it."""
        there = os.path.isdir(self._layout.holder(need).realization(need))
        return not there and not self._recorded(need)

    def _recorded(self, rref: RRef) -> bool:
        dref = rref.dref
        if (made := self._made.get(dref)) is None:
            folder = self._store.parts.layout.attempts(dref)
            self._made[dref] = made = record_damages.made_in(folder)
        if rref in made:
            return True
        below = self._layout.below
        return below is not None and rref in record_damages.made_in(below.attempts(dref))

    def _home(self, rref: RRef) -> str:
        return self._store.parts.layout.realization(rref)

    def _may_be_marked(self, rref: RRef) -> bool:
        marks = self._marks.get(rref.dref)
        return self._marked(rref) if marks is None else rref.digest in marks

    def _marked(self, rref: RRef) -> bool:
        return verdicts.stands(self._store.parts.layout.attempts(rref.dref), rref, "damaged")

    def _judge(self, rref: RRef, damages: list[Damage]) -> None:
        """Marks or moves a damaged realization, or clears a sound one. The gate must be closed."""
        folder, home = self._store.parts.layout.attempts(rref.dref), Path(self._home(rref))
        if damages and self._quarantine and rights.is_ours(home):
            trash(self._store.parts.layout, home)
            self.quarantined.append(rref)
        elif not _may_note(folder):
            return  # it belongs to somebody else: the report tells of the damage
        elif not damages:
            verdicts.lift(folder, rref, "damaged")
        elif not self._marked(rref) or verdicts.damage(folder, f"{rref.digest}.damaged"):
            facts = {"what": [str(d) for d in damages[:20]], "at": time.time_ns()}
            rights.ensure_folder(folder)
            verdicts.put(folder, rref, "damaged", facts, self._store.parts.tmp)


def _grave(damages: list[Damage]) -> list[Damage]:
    """The damages because of which a realization must not be served."""
    return [d for d in damages if d.kind not in ("dangling", "unrecorded")]


def _may_note(folder: str) -> bool:
    """Whether we may write into a folder, or make the folder."""
    return os.access(folder if os.path.lexists(folder) else os.path.dirname(folder), os.W_OK)


def _code(store: Reader) -> Iterator[Damage]:
    layout = store.parts.layout
    for name in sorted(attempts.names(str(layout.code))):
        if what := kept_code.damage(layout, name):
            yield Damage(None, "code", f"code/{name}", what)


def _pin_changes(store: Reader) -> Iterator[Damage]:
    for path, what in pin_changes.damages(store):
        yield Damage(None, "pin", path, what)


def _access(store: Reader) -> Iterator[Damage]:
    shared = rights.shared(store.root)
    for path in (store.root, store.parts.layout.drv, store.root / "pystore.json"):
        status = path.stat()
        name = os.path.relpath(path, store.root)
        if status.st_mode & (0o002 if shared else 0o022):
            who = "its owner and its group" if shared else "its owner"
            yield Damage(None, "access", name, f"others than {who} can write to it")
        if status.st_uid not in (0, os.geteuid()) and not shared:
            yield Damage(None, "access", name, f"it belongs to another user, {status.st_uid}")
