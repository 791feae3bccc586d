"""The oracle: what must hold after every fault.

O1  Everything visible under `drv/` is sound: complete, sealed, recorded, and hashes to its name.
O2  Every realization that was acknowledged is still there, with the same bytes.
O3  The same call without a fault succeeds, without help.
O4  The state is the old one or the new one, for each derivation.
O5  Only `tmp/` and `trash/` hold litter.
"""

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pystore.core.attempt import parse_attempt
from pystore.core.config import Config
from pystore.core.context import rref_of
from pystore.core.errors import Corrupted, PystoreError
from pystore.core.refs import DRef
from pystore.store import notes
from pystore.store.commit import is_sound

_ROOMS = {"drv", "resolved", "tmp", "trash", "locks", "roots", "links", "seen", "pinned"}
_ATTEMPT = re.compile(
    r"imported|[0-9a-f]{32}\.(diff|note|\d+\.(begin|json|trace|logs|scratch|reads|live))"
)


@dataclass(frozen=True)
class State:
    """What a store shows: its derivations, and the manifest of each realization."""

    drefs: frozenset[str]
    manifests: dict[str, bytes]


def look(root: Path) -> State:
    """The state of a store."""
    drv = root / "drv"
    manifests = {}
    for home in _listing(drv):
        for name in _listing(drv / home):
            if len(name) == 32:
                manifest = drv / home / name / "manifest.json"
                found = manifest.read_bytes() if manifest.exists() else b""
                manifests[f"rref:{name}-{home}"] = found
    return State(frozenset(f"dref:{name}" for name in _listing(drv)), manifests)


def unsound(root: Path) -> list[str]:
    """What breaks O1 or O5 in a store."""
    found = [f"O5 litter: {name}" for name in _listing(root) if name not in _rooms(root)]
    for home in _listing(root / "drv"):
        found += _unsound_derivation(root / "drv" / home)
    found += [f"O5 litter in locks: {n}" for n in _listing(root / "locks") if n[-5:] != ".lock"]
    return found + [f"O5 litter in links: {n}" for n in _listing(root / "links") if not _known(n)]


def _known(name: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}x?", name) is not None


def _rooms(root: Path) -> set[str]:
    return _ROOMS | ({"pystore.json"} if (root / "drv").is_dir() else set())


def _unsound_derivation(home: Path) -> list[str]:
    try:
        dref = DRef(f"dref:{home.name}")
        known = Config.parse((home / "config.json").read_bytes()).dref == dref
    except (PystoreError, OSError) as error:
        return [f"O1 {home.name}: {error!r}"]
    found = [] if known else [f"O1 {home.name}: the config is another's"]
    recorded: set[str] = set()
    for name in _listing(home / "attempts"):
        if not _ATTEMPT.fullmatch(name):
            found.append(f"O5 litter in attempts: {name}")
        elif name.endswith(".json"):
            found += _read_record(home / "attempts" / name, recorded)
        elif name.endswith(".note") and (what := notes.damage(f"{home}/attempts", name, dref)):
            found.append(f"O1 {name}: {what}")
    for name in set(_listing(home)) - {"config.json", "attempts"}:
        found += _unsound_realization(home / name, dref, recorded)
    return found


def _read_record(path: Path, recorded: set[str]) -> list[str]:
    try:
        recorded.add(str(parse_attempt(path.read_bytes()).rref))
        return []
    except Corrupted as error:
        return [f"O1 a torn record: {path.name}: {error.what}"]


def _unsound_realization(place: Path, dref: DRef, recorded: set[str]) -> list[str]:
    if not re.fullmatch(r"[0-9a-f]{32}", place.name):
        return [f"O5 litter in a derivation: {place.name}"]
    try:
        provenance = (place / "context.json").read_bytes()
    except OSError:
        return [f"O1 {place.name}: no context"]
    rref = f"rref:{place.name}-{dref[5:]}"
    checks = {
        "is not what its name says": rref_of(dref, provenance) == rref,
        "is damaged": is_sound(place, provenance),
        "has no record": rref in recorded,
        "holds strangers": set(_listing(place)) == {"context.json", "manifest.json", "out"},
    }
    return [f"O1 {rref} {what}" for what, fine in checks.items() if not fine] + _unsealed(place)


def _unsealed(place: Path) -> list[str]:
    found = []
    for folder, _, files in os.walk(place):
        for path in [Path(folder), *(Path(folder, name) for name in files)]:
            mode = path.lstat().st_mode
            # The last chmod of a commit comes after its rename: this one directory may lack it.
            if not stat.S_ISLNK(mode) and mode & 0o222 and path != place:
                found.append(f"O1 not sealed: {path.relative_to(place)} {stat.S_IMODE(mode):o}")
    return found


def lost(before: State, after: State, acknowledged: Iterable[str]) -> list[str]:
    """What breaks O2: realizations that were promised, and are gone or changed."""
    found = [f"O2 lost: {rref}" for rref in acknowledged if rref not in after.manifests]
    for rref, manifest in before.manifests.items():
        if rref in after.manifests and after.manifests[rref] != manifest:
            found.append(f"O2 changed: {rref}")
    return found


def torn(before: State, after: State, removes: frozenset[str]) -> list[str]:
    """What breaks O4: things that were there, and went without having been asked to."""
    gone = (before.drefs - after.drefs) | (set(before.manifests) - set(after.manifests))
    return [f"O4 gone: {ref}" for ref in gone if ref.split("-")[-1] not in removes]


def litter(root: Path) -> list[str]:
    """What is left where gc should have cleaned."""
    left = [f"O5 {room}/{n}" for room in ("tmp", "trash") for n in _listing(root / room)]
    links = [root / "links" / name for name in _listing(root / "links")]
    return left + [f"O5 links/{p.name}: nobody holds it" for p in links if p.stat().st_nlink == 1]


def _listing(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
