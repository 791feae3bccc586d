"""Earlier choices: what a call has chosen, so that the next one with its targets reads no records.

EA1  A choice counts while the folders of its derivation, and the choices for its inputs, are as
     they were when it was made. A change in the tick of a stamp would be missed: so a choice is
     kept only when the ticks of its stamps are over, and on file systems that tell each change.
EA2  A file that is damaged, or of another version of pystore, has no choices.

A choice needs no lock: whoever uses it holds its realizations, and looks whether they are there.
"""

import json
import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..core.digest import short
from ..core.refs import DRef, RRef
from ..core.version import __version__
from . import caching, changes, disk, mounts
from .layout import ATTEMPTS, Layout
from .parts import Parts

_PURPOSE = "pystore choices 1"
_MOST_FILES = 200  # for as many targets; the oldest ones go

_Stamps = tuple[changes.Stamp | None, changes.Stamp | None]  # of the attempts, and of the rest


class _Choice(NamedTuple):
    rule: str  # by which the choice was made
    digests: list[str]  # of the realizations
    stamps: _Stamps


class EarlierChoices:
    """The choices of the calls for some targets, in a file in the cache of the user."""

    def __init__(self, layout: Layout, path: Path) -> None:
        self._layout, self._path = layout, path
        self._reached: int | None = None  # what the clock of the disk had reached before all looks
        self._known = _read(path)
        self._same: set[DRef] = set()  # for which the same is chosen as in the file
        self._kept: dict[DRef, _Choice] = {}
        self._is_new = False

    def find(self, dref: DRef, rule: str, inputs: Collection[DRef]) -> tuple[RRef, ...] | None:
        """What was chosen for a derivation by a rule, while nothing has changed (EA1)."""
        known = self._known.get(dref)
        if (
            known is None
            or known.rule != rule
            or not self._same.issuperset(inputs)
            or known.stamps != self._stamps(dref)
        ):
            return None
        self._same.add(dref)
        self._kept[dref] = known
        return tuple([RRef.of(digest, dref) for digest in known.digests])

    def stamps(self, dref: DRef) -> _Stamps:
        """The stamps of the folders of a derivation: to be read before its records are."""
        if self._reached is None:
            with suppress(OSError):  # of a store that is only read
                os.utime(self._layout.tmp)
            self._reached = min(time.time_ns(), changes.clock_of(self._layout))
        return self._stamps(dref)

    def _stamps(self, dref: DRef) -> _Stamps:
        home = self._layout.derivation(dref)
        return changes.stamp_of(home + ATTEMPTS), changes.stamp_of(home)

    def note(self, dref: DRef, rule: str, rrefs: Iterable[RRef], stamps: _Stamps) -> None:
        """Notes a choice that was made after these stamps were read."""
        made = _Choice(rule, [rref.digest for rref in rrefs], stamps)
        known = self._known.get(dref)
        if known is not None and known.digests == made.digests:
            self._same.add(dref)
        if all(stamp is not None and self._is_over(stamp) for stamp in stamps):
            self._kept[dref] = made
            self._is_new = True

    def keep(self) -> None:
        """Writes the file, where something is new. Whatever hinders that costs only time later."""
        if not self._is_new:
            return
        with suppress(OSError):
            if not self._path.exists():
                caching.make_room(self._path.parent, _MOST_FILES)
            tmp = self._path.parent
            disk.put(str(self._path), _packed(self._kept), tmp=tmp, durable=False)

    def forget(self) -> None:
        """Removes the file: what it says was not true."""
        with suppress(OSError):
            self._path.unlink()

    def _is_over(self, stamp: changes.Stamp) -> bool:
        reached = self._reached or 0
        return stamp[0] < reached - changes.tick_of(stamp) * 1e9


def choices_for(parts: Parts, targets: Iterable[DRef]) -> EarlierChoices | None:
    """The choices for these targets; None where none may be believed.

    That is so where this user has no cache, another store is below, or the file system does not
    tell each change at once. Another machine has a file of its own: it sees other stamps.
    """
    folder = None if parts.layout.below else caching.folder("choices")
    if folder is None or not mounts.tells_changes(parts.layout.drv):
        return None
    told = caching.of_store(parts.id, parts.root, *targets)
    return EarlierChoices(parts.layout, folder / short("pystore choices place 1", told))


def _read(path: Path) -> dict[str, _Choice]:
    try:
        digest, _, body = path.read_bytes().partition(b"\n")
        if digest.decode() != short(_PURPOSE, body):
            return {}
        value: dict[str, Any] = json.loads(body)
    except (OSError, ValueError):
        return {}
    if value["version"] != __version__:
        return {}
    rules = value["rules"]
    rows = zip(value["rule"], value["chosen"], value["attempts"], value["home"], strict=True)
    return {
        f"dref:{name}": _Choice(rules[rule], chosen, (tuple(attempts), tuple(home)))
        for name, (rule, chosen, attempts, home) in zip(value["names"], rows, strict=True)
    }


def _packed(kept: dict[DRef, _Choice]) -> bytes:
    rules = list(dict.fromkeys(choice.rule for choice in kept.values()))
    at = {rule: number for number, rule in enumerate(rules)}
    value = {
        "version": __version__,
        "rules": rules,
        "names": [dref[5:] for dref in kept],
        "rule": [at[choice.rule] for choice in kept.values()],
        "chosen": [choice.digests for choice in kept.values()],
        "attempts": [choice.stamps[0] for choice in kept.values()],
        "home": [choice.stamps[1] for choice in kept.values()],
    }
    body = json.dumps(value, separators=(",", ":")).encode()
    return short(_PURPOSE, body).encode() + b"\n" + body
