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
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from ..core.attempt import parse_attempt
from ..core.context import CONTEXT, Context, parse_provenance, rref_of
from ..core.dataclasses import dataclass
from ..core.errors import Corrupted, NotInStore, UnkeepableOutput
from ..core.events import Listener, Progress, ignore
from ..core.manifest import MANIFEST, Entry, Manifest, encode_name
from ..core.printable import counted
from ..core.refs import DRef, RRef
from . import attempt_files, attempts, disk, notes, pin_changes, rights, tree, verdicts
from .commit import OWN
from .reader import Reader
from .trash import trash

Kind = Literal[
    "config", "context", "manifest", "changed", "missing", "extra", "mode", "attempt", "dangling",
    "unrecorded", "access", "verdict", "note", "pin",
]  # fmt: skip

_RESTORE = {
    "config": "instantiate its stage again: the text is written anew",
    "attempt": "nothing can: the history of this attempt is lost; the others are untouched",
    "dangling": "realize that input again; with equal bytes it reconnects",
    "unrecorded": "realize its stage again: with equal bytes it is recorded anew",
    "verdict": "pystore reject it again, with its reason; or delete this file",
    "note": "nothing can: write it again, and delete this file",
    "pin": "nothing can: the history of this pin lacks it; delete this file",
    "access": "chmod go-w, or chown, after asking who did this",
    "mode": "chmod a-w, where no byte has changed; or pystore rm it, to have it built again",
}
_REBUILD = (
    "pull it from where it is whole, or pystore rm it; a run that needs it builds it with its seed"
)


@dataclass(frozen=True)
class Damage:
    """A file or directory of the store that is not as it should be."""

    ref: DRef | RRef | None  # None: the store itself
    kind: Kind
    path: str  # inside the store
    what: str

    @property
    def restore(self) -> str:
        """What the user can do to repair it."""
        return _RESTORE.get(self.kind, _REBUILD)

    def to_dict(self) -> dict[str, Any]:
        """The damage as a JSON object: the fields by name, and `restore`."""
        return {**asdict(self), "restore": self.restore}

    def __str__(self) -> str:
        return f"{self.path}: {self.what}\n  try: {self.restore}"


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
    damages = [*_access(store), *_pin_changes(store.own)] if only is None else []
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
        yield from self._records(dref)
        for rref in self._store.realizations(dref):
            yield from self._realization(rref)

    def _records(self, dref: DRef) -> Iterator[Damage]:
        folder = self._store.parts.layout.attempts(dref)
        for name in sorted(attempts.names(folder)):
            kind: Kind = "attempt"
            match attempts.kind_of(name):
                case "json":
                    what = _record_damage(folder, name, dref)
                case "trace" | "diff":
                    what = attempt_files.damage(folder, name)
                case "rejected" | "damaged" | "forgotten":
                    kind, what = "verdict", verdicts.damage(folder, name)
                case "note":
                    kind, what = "note", notes.damage(folder, name, dref)
                case _:
                    continue
            if what:
                yield Damage(dref, kind, f"{_home(dref)}/attempts/{name}", what)

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
            if home.exists():
                raise
            return None

    def _damages(self, rref: RRef, home: Path) -> Iterator[Damage]:
        def damage(kind: Kind, path: str, what: str) -> Damage:
            where = f"{_home(rref.dref)}/{rref.digest}" + (f"/{path}" if path else "")
            return Damage(rref, kind, where, what)

        stated = None
        try:
            provenance = _read(home / CONTEXT)
            dref, context, stated = parse_provenance(provenance)
            if rref_of(dref, provenance) != rref:
                yield damage("context", CONTEXT, "it is not the context of this realization")
            yield from self._dangling(context, damage)
        except Corrupted as error:
            yield damage("context", CONTEXT, error.what)
        try:
            manifest = Manifest.parse(_read(home / MANIFEST))
            if stated is not None and manifest.digest != stated:
                yield damage("manifest", MANIFEST, "it is not the manifest that the context names")
            yield from self._files(home / "out", manifest, damage)
        except Corrupted as error:
            yield damage("manifest", MANIFEST, error.what)
        for name in sorted({*os.listdir(home)} - OWN):
            yield damage("extra", name, "it does not belong here")
        if not self._recorded(rref):
            yield damage("unrecorded", "", "no attempt says that it made this")

    def _files(
        self, out: Path, manifest: Manifest, damage: Callable[[Kind, str, str], Damage]
    ) -> Iterator[Damage]:
        try:
            found = {entry.path: entry for entry in tree.scan(out, self._digests).entries}
        except UnkeepableOutput as error:
            yield damage("changed", "out", f"{error.what}: {error.path}")
            return
        except (FileNotFoundError, NotADirectoryError):
            yield damage("missing", "out", "missing")
            return
        self.size += sum(entry.size for entry in found.values())
        wanted = {entry.path: entry for entry in manifest.entries}
        for path in sorted(wanted.keys() | found.keys()):
            name = f"out/{encode_name(path)}"
            if path not in found:
                yield damage("missing", name, "missing")
            elif path not in wanted:
                yield damage("extra", name, "it is not in the manifest")
            elif found[path] != wanted[path]:
                yield damage("changed", name, _difference(wanted[path], found[path]))
        for path, mode in tree.writable(out):
            yield damage("mode", f"out/{encode_name(path)}", f"mode {mode:04o}: it can be written")

    def _dangling(
        self, context: Context, damage: Callable[[Kind, str, str], Damage]
    ) -> Iterator[Damage]:
        for needs in context.values():
            for need in needs:
                there = Path(self._layout.holder(need).realization(need)).is_dir()
                if not there and not self._recorded(need):
                    yield damage("dangling", CONTEXT, f"{need} does not exist, and no record of it")

    def _recorded(self, rref: RRef) -> bool:
        if rref.dref not in self._made:
            folders = [one.attempts(rref.dref) for one in self._layout.readable]
            names = ((f, n) for f in folders for n in attempts.names(f) if attempts.is_record(n))
            self._made[rref.dref] = {r for f, n in names if (r := _made_by(f, n)) is not None}
        return rref in self._made[rref.dref]

    def _home(self, rref: RRef) -> Path:
        return Path(self._store.parts.layout.realization(rref))

    def _marked(self, rref: RRef) -> bool:
        return verdicts.stands(self._store.parts.layout.attempts(rref.dref), rref, "damaged")

    def _judge(self, rref: RRef, damages: list[Damage]) -> None:
        """Marks or moves a damaged realization, or clears a sound one. The gate must be closed."""
        folder = self._store.parts.layout.attempts(rref.dref)
        if damages and self._quarantine and rights.is_ours(self._home(rref)):
            trash(self._store.parts.layout, self._home(rref))
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


def _read(path: Path) -> bytes:
    try:
        return disk.read(path)
    except FileNotFoundError:
        raise Corrupted("missing") from None


def _record_damage(folder: str, name: str, dref: DRef) -> str:
    try:
        attempt = parse_attempt(disk.read(f"{folder}/{name}"))
    except Corrupted as error:
        return error.what
    if f"{attempt.context}.{attempt.number}.json" != name or attempt.dref != dref:
        return "it is the record of another attempt"
    if attempt.rref is not None and attempt.rref.dref != dref:
        return "it names a realization of another derivation"
    return ""


def _made_by(folder: str, name: str) -> RRef | None:
    try:
        return parse_attempt(disk.read(f"{folder}/{name}")).rref
    except Corrupted:
        return None  # this record is named as a damage of its own


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
