"""Verifying a store: hashes every file again, and names each damage.

VE1  Each changed byte, mode, name or file of the store is found; a sound store gives no damage.
VE2  A realization that was found damaged is not served from then on.
VE3  Constant memory: files are hashed as streams.
VE4  A realization is marked or moved only after a second look, with the gate closed: nobody can
    replace it meanwhile.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..core.attempt import parse_attempt
from ..core.context import CONTEXT, Context, parse_provenance, rref_of
from ..core.dataclasses import dataclass
from ..core.errors import Corrupted, NotInStore, UnkeepableOutput
from ..core.events import Listener, Progress, ignore
from ..core.manifest import MANIFEST, Entry, Manifest, encode_name
from ..core.printable import counted
from ..core.refs import DRef, RRef
from . import (
    attempt_files,
    attempts,
    disk,
    kept_code,
    notes,
    packs,
    pin_changes,
    rights,
    tree,
    verdicts,
)
from .commit import OWN
from .damage import Damage, Kind
from .reader import Reader
from .trash import trash

_Telling = Callable[[Kind, str, str], Damage]  # the kind, the path in a realization, the words


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


class _Rounds:
    def __init__(self, store: Reader, quarantine: bool, listener: Listener) -> None:
        self._store = store.own
        self._layout = store.parts.layout  # with the store below: inputs may lie there
        self._quarantine = quarantine
        self._listener = listener
        self.checked = 0
        self.size = 0
        self.quarantined: list[RRef] = []
        self._digests: tree.Digests = {}  # of the files that realizations share
        self._made: dict[DRef, set[RRef]] = {}  # the realizations that recorded attempts made

    def everything(self) -> Iterator[Damage]:
        return self.over(self._store.drefs(), "derivations")

    def over(self, refs: Collection[DRef | RRef], unit: str) -> Iterator[Damage]:
        for number, ref in enumerate(refs, 1):
            if isinstance(ref, RRef) and ref not in self._store.realizations(ref.dref):
                raise self._store.absent(ref)
            yield from self._realization(ref) if isinstance(ref, RRef) else self._derivation(ref)
            self._listener(Progress(ref.dref, number, len(refs), unit))

    def _derivation(self, dref: DRef) -> Iterator[Damage]:
        try:
            self._store.config(dref)
        except (Corrupted, NotInStore) as error:
            what = str(error.because) if isinstance(error, Corrupted) else "missing"
            yield Damage(dref, "config", f"{_home(dref)}/config.json", what)
        rrefs = self._store.realizations(dref)  # first: the record of each came before it
        yield from self._records(dref)
        for rref in rrefs:
            yield from self._realization(rref)

    def _records(self, dref: DRef) -> list[Damage]:
        """The damages of the records of a derivation; notes what the attempts have made."""
        folder = self._store.parts.layout.attempts(dref)
        damages, made = attempts.steadily(folder, partial(_look_beside, folder, dref))
        self._made[dref] = made
        return damages

    def _realization(self, rref: RRef) -> Iterator[Damage]:
        before, found = self.size, self._look(rref)
        if found is not None and (_grave(found) or self._marked(rref)):
            with self._store.parts.session.closed_gate() as writable:
                self.size, self._digests = before, {}
                self._made.pop(rref.dref, None)
                found = self._look(rref)
                if found is not None and writable:
                    self._judge(rref, _grave(found))
        if found is not None:
            self.checked += 1
            yield from found

    def _look(self, rref: RRef) -> list[Damage] | None:
        """The damages of a realization; None when gc or rmref has just removed it."""
        home = self._home(rref)
        try:
            return list(self._damages(rref, home))
        except FileNotFoundError:
            if os.path.exists(home):
                raise
            return None

    def _damages(self, rref: RRef, home: str) -> Iterator[Damage]:
        def damage(kind: Kind, path: str, what: str) -> Damage:
            where = f"{_home(rref.dref)}/{rref.digest}" + (f"/{path}" if path else "")
            return Damage(rref, kind, where, what)

        stated = None
        try:
            provenance = _read(f"{home}/{CONTEXT}")
            dref, context, stated = parse_provenance(provenance)
            if rref_of(dref, provenance) != rref:
                yield damage("context", CONTEXT, "it is not the context of this realization")
            yield from self._dangling(context, damage)
        except Corrupted as error:
            yield damage("context", CONTEXT, error.what)
        try:
            yield from self._tree(home, stated, damage)
        except Corrupted as error:
            yield damage("manifest", MANIFEST, error.what)
        for name in sorted({*os.listdir(home)} - OWN):
            yield damage("extra", name, "it does not belong here")
        if not self._recorded(rref):
            yield damage("unrecorded", "", "no attempt says that it made this")

    def _tree(self, home: str, stated: str | None, damage: _Telling) -> Iterator[Damage]:
        text = _read(f"{home}/{MANIFEST}")
        missing = None
        found: tuple[Manifest, list[tree.Loose]] = Manifest(()), []
        try:
            found = tree.scan_sealed(f"{home}/out", self._digests)
        except UnkeepableOutput as error:
            missing = damage("changed", "out", f"{error.what}: {error.path}")
        except (FileNotFoundError, NotADirectoryError):
            missing = damage("missing", "out", "missing")
        there, loose = found
        # The text of a tree that is as it should be need not be parsed.
        manifest = there if there.text == text else Manifest.parse(text)
        if stated is not None and manifest.digest != stated:
            yield damage("manifest", MANIFEST, "it is not the manifest that the context names")
        if missing is not None:
            yield missing
            return
        self.size += there.size
        if manifest is not there:
            yield from _differences(manifest, there, damage)
        for path, mode in loose:
            yield damage("mode", f"out/{encode_name(path)}", f"mode {mode:04o}: it can be written")

    def _dangling(self, context: Context, damage: _Telling) -> Iterator[Damage]:
        for needs in context.values():
            for need in needs:
                there = os.path.isdir(self._layout.holder(need).realization(need))
                if not there and not self._recorded(need):
                    yield damage("dangling", CONTEXT, f"{need} does not exist, and no record of it")

    def _recorded(self, rref: RRef) -> bool:
        if rref.dref not in self._made:
            self._made[rref.dref] = _made_in(self._store.parts.layout.attempts(rref.dref))
        if rref in self._made[rref.dref]:
            return True
        below = self._layout.below
        return below is not None and rref in _made_in(below.attempts(rref.dref))

    def _home(self, rref: RRef) -> str:
        return self._store.parts.layout.realization(rref)

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


def _home(dref: DRef) -> str:
    return f"drv/{dref[5:]}"


def _read(path: str) -> bytes:
    try:
        return disk.read(path)
    except FileNotFoundError:
        raise Corrupted("missing") from None


def _look_beside(folder: str, dref: DRef, names: list[str]) -> tuple[list[Damage], set[RRef]]:
    """The damages of the records of a derivation, and of the files beside them.

    Also the realizations that the sound records name.
    """
    damages, made = [], _made_in_packs(folder, names)
    for name in sorted(names):
        kind: Kind = "attempt"
        match attempts.kind_of(name):
            case "json":
                text = disk.read(f"{folder}/{name}")
                found = [_record_damage(name, text, dref, made)]
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
            damages.append(Damage(dref, kind, f"{_home(dref)}/attempts/{name}", what))
    return damages, made


def _pack_damages(found: packs.Pack, dref: DRef) -> list[str]:
    if found.damage:
        return [found.damage]
    texts = [(name, text) for name, text in sorted(found.files) if attempts.is_record(name)]
    faults = [(name, _record_damage(name, text, dref, set())) for name, text in texts]
    return [f"{name} in it: {fault}" for name, fault in faults if fault]


def _record_damage(name: str, text: bytes, dref: DRef, made: set[RRef]) -> str:
    """What is wrong with a record. Adds the realization that it names to those that were made."""
    try:
        attempt = parse_attempt(text)
    except Corrupted as error:
        return error.what
    if attempt.rref is not None:
        made.add(attempt.rref)
    if f"{attempt.context}.{attempt.number}.json" != name or attempt.dref != dref:
        return "it is the record of another attempt"
    if attempt.rref is not None and attempt.rref.dref != dref:
        return "it names a realization of another derivation"
    return ""


def _made_in(folder: str) -> set[RRef]:
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
        return parse_attempt(text).rref
    except Corrupted:
        return None  # this record is named as a damage of its own


def _differences(manifest: Manifest, there: Manifest, damage: _Telling) -> Iterator[Damage]:
    found = {entry.path: entry for entry in there.entries}
    wanted = {entry.path: entry for entry in manifest.entries}
    for path in sorted(wanted.keys() | found.keys()):
        name = f"out/{encode_name(path)}"
        if path not in found:
            yield damage("missing", name, "missing")
        elif path not in wanted:
            yield damage("extra", name, "it is not in the manifest")
        elif found[path] != wanted[path]:
            yield damage("changed", name, _difference(wanted[path], found[path]))


def _difference(wanted: Entry, found: Entry) -> str:
    if found.kind != wanted.kind:
        return f"a {found.kind} in place of a {wanted.kind}"
    if found.size != wanted.size:
        return f"{found.size} bytes in place of {wanted.size}"
    if found.digest != wanted.digest:
        return f"its bytes have changed: {found.digest} in place of {wanted.digest}"
    if found.target != wanted.target:
        return f"it links to {encode_name(found.target)} in place of {encode_name(wanted.target)}"
    return "its executable bit has changed"


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
