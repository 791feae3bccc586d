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
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ..core.digest import short
from ..core.refs import DRef, RRef
from ..core.version import __version__
from . import caching, changes, disk, mounts
from .layout import ATTEMPTS, Layout
from .parts import Parts

_PURPOSE = "pystore choices 2"
_MOST_FILES = 200  # for as many targets; the oldest ones go,
_MOST_BYTES = 256 << 20  # and until all have this size

_Stamps = tuple[changes.Stamp | None, changes.Stamp | None]  # of the attempts, and of the rest


class EarlierChoices:
    """The choices of the calls for some targets, in a file in the cache of the user.

    A choice is a text: the number of its rule, the stamps, and the digests of the realizations.
    """

    def __init__(self, layout: Layout, path: Path) -> None:
        self._layout, self._path = layout, path
        self._reached: int | None = None  # what the clock of the disk had reached before all looks
        self._rules, self._known = _read(path)  # each rule with its number
        self._same: set[DRef] = set()  # for which the same is chosen as in the file
        self._kept: dict[DRef, str] = {}
        self._is_new = False

    def find(self, dref: DRef, rule: str, inputs: Collection[DRef]) -> tuple[RRef, ...] | None:
        """What was chosen for a derivation by a rule, while nothing has changed (EA1)."""
        known = self._known.get(dref)
        if known is None or not self._same.issuperset(inputs):
            return None
        begin = _begin(self._rules.get(rule), self._stamps(dref))
        if not known.startswith(begin):
            return None
        self._same.add(dref)
        self._kept[dref] = known
        return tuple([RRef.of(digest, dref) for digest in known[len(begin) :].split()])

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
        digests, known = [rref.digest for rref in rrefs], self._known.get(dref)
        if known is not None and known.split()[2:] == digests:
            self._same.add(dref)
        if all(stamp is not None and self._is_over(stamp) for stamp in stamps):
            number = self._rules.setdefault(rule, len(self._rules))
            self._kept[dref] = _begin(number, stamps) + " ".join(digests)
            self._is_new = True

    def keep(self) -> None:
        """Writes the file, where something is new. Whatever hinders that costs only time later."""
        if not self._is_new:
            return
        with suppress(OSError):
            tmp, text = self._path.parent, _packed(self._rules, self._kept)
            if not self._path.exists():
                caching.make_room(tmp, _MOST_FILES, _MOST_BYTES)
            disk.put(str(self._path), text, tmp=tmp, durable=False)

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


def _begin(rule: int | None, stamps: _Stamps) -> str:
    """How the text of a choice begins; no choice has a stamp, or a rule, that is None."""
    return f"{rule} {','.join([*map(str, stamps[0] or ()), *map(str, stamps[1] or ())])} "


def _read(path: Path) -> tuple[dict[str, int], dict[str, str]]:
    """The rules and the choices of a file; nothing of one that is not whole."""
    try:
        digest, _, body = path.read_bytes().partition(b"\n")
        if digest.decode() != short(_PURPOSE, body):
            return {}, {}
        first, *lines = body.decode().split("\n")
        version, *rules = json.loads(first)
    except (OSError, ValueError):
        return {}, {}
    if version != __version__:
        return {}, {}
    parts = (line.partition(" ") for line in lines)
    return {rule: n for n, rule in enumerate(rules)}, {name: choice for name, _, choice in parts}


def _packed(rules: Iterable[str], kept: Mapping[DRef, str]) -> bytes:
    """The text of a file, with those rules that a choice has."""
    numbers = {str(number): rule for number, rule in enumerate(rules)}
    used = dict.fromkeys(choice.partition(" ")[0] for choice in kept.values())
    at = {number: new for new, number in enumerate(used)}
    parts = ((dref, *choice.partition(" ")) for dref, choice in kept.items())
    lines = (f"{dref} {at[number]} {rest}" for dref, number, _, rest in parts)
    first = json.dumps([__version__, *(numbers[number] for number in used)])
    body = "\n".join([first, *lines]).encode()
    return short(_PURPOSE, body).encode() + b"\n" + body
