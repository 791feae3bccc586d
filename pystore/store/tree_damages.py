"""The damages of one realization: of its context, its manifest, and the tree of its artifacts."""

import os
from collections.abc import Callable, Iterator

from ..core.context import CONTEXT, parse_provenance, rref_of
from ..core.errors import Corrupted, UnkeepableOutput
from ..core.manifest import MANIFEST, Entry, Manifest, encode_name
from ..core.refs import RRef
from . import tree
from .commit import OWN
from .damage import Damage, Kind
from .in_turn import InTurn

Dangling = Callable[[RRef], bool]  # whether an input is neither here nor in any record


class Looking:
    """Looks at one realization after the other."""

    def __init__(self, turn: InTurn, dangling: Dangling) -> None:
        self.size = 0  # of the files that were hashed [bytes]
        self.known: tree.Digests = {}  # of the files that realizations share
        self._turn, self._is_dangling = turn, dangling

    def damages(self, rref: RRef, home: str) -> list[Damage]:
        """The damages of a realization in its folder. Raises FileNotFoundError, OSError."""
        found: list[Damage] = []
        stated = None
        try:
            provenance = self._read(f"{home}/{CONTEXT}")
            dref, context, stated = parse_provenance(provenance)
            if rref_of(dref, provenance) != rref:
                found.append(_damage(rref, "context", CONTEXT, _NOT_OF_IT))
            for need in (need for needs in context.values() for need in needs):
                if self._is_dangling(need):
                    what = f"{need} does not exist, and no record of it"
                    found.append(_damage(rref, "dangling", CONTEXT, what))
        except Corrupted as error:
            found.append(_damage(rref, "context", CONTEXT, error.what))
        try:
            found += self._tree(rref, home, stated)
        except Corrupted as error:
            found.append(_damage(rref, "manifest", MANIFEST, error.what))
        for name in sorted({*os.listdir(home)} - OWN):
            found.append(_damage(rref, "extra", name, "it does not belong here"))
        return found

    def _tree(self, rref: RRef, home: str, stated: str | None) -> Iterator[Damage]:
        text = self._read(f"{home}/{MANIFEST}")
        missing = None
        found: tuple[Manifest, list[tree.Loose]] = Manifest(()), []
        try:
            found = tree.scan_sealed(f"{home}/out", self.known, self._turn)
        except UnkeepableOutput as error:
            missing = _damage(rref, "changed", "out", f"{error.what}: {error.path}")
        except (FileNotFoundError, NotADirectoryError):
            missing = _damage(rref, "missing", "out", "missing")
        there, loose = found
        # The text of a tree that is as it should be need not be parsed.
        manifest = there if there.text == text else Manifest.parse(text)
        if stated is not None and manifest.digest != stated:
            yield _damage(rref, "manifest", MANIFEST, _NOT_NAMED)
        if missing is not None:
            yield missing
            return
        self.size += there.size
        if manifest is not there:
            yield from _differences(rref, manifest, there)
        for path, mode in loose:
            what = f"mode {mode:04o}: it can be written"
            yield _damage(rref, "mode", f"out/{encode_name(path)}", what)

    def _read(self, path: str) -> bytes:
        try:
            return self._turn.read(path)
        except FileNotFoundError:
            raise Corrupted("missing") from None


_NOT_OF_IT = "it is not the context of this realization"
_NOT_NAMED = "it is not the manifest that the context names"


def unrecorded(rref: RRef) -> Damage:
    """The damage of a realization of which no record tells."""
    return _damage(rref, "unrecorded", "", "no attempt says that it made this")


def _damage(rref: RRef, kind: Kind, path: str, what: str) -> Damage:
    where = f"drv/{rref.dref[5:]}/{rref.digest}" + (f"/{path}" if path else "")
    return Damage(rref, kind, where, what)


def _differences(rref: RRef, manifest: Manifest, there: Manifest) -> Iterator[Damage]:
    found = {entry.path: entry for entry in there.entries}
    wanted = {entry.path: entry for entry in manifest.entries}
    for path in sorted(wanted.keys() | found.keys()):
        name = f"out/{encode_name(path)}"
        if path not in found:
            yield _damage(rref, "missing", name, "missing")
        elif path not in wanted:
            yield _damage(rref, "extra", name, "it is not in the manifest")
        elif found[path] != wanted[path]:
            yield _damage(rref, "changed", name, _difference(wanted[path], found[path]))


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
