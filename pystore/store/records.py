"""Records in memory: a process reads the many records of one derivation once.

A record is written once and never changed. If another record takes its place, this is noticed:

RF1  A new folder with the same name has another inode, or its config has another time.
RF2  A new attempt has a higher number than all others of its context. If attempts were removed and
    their numbers given again, the last record that was read of the context is gone or replaced.
"""

import os
from collections.abc import Collection, Iterable
from operator import attrgetter

from ..core.attempt import Attempt
from ..core.dataclasses import dataclass, field
from ..core.refs import RRef
from . import attempts

_FEW = 32  # names; so few records are read again just as fast
_MOST = 8  # folders whose records are kept

Made = dict[RRef, list[Attempt]]  # realization → the attempts that made it
_Stamp = tuple[int, int, int, int]  # device, inode, time of the last change [ns], size


@dataclass
class _Records:
    """The records that were read from one folder of attempts."""

    stamps: tuple[object, object] = (None, None)  # of the folder, and of the config
    names: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)  # names that are neither claims nor records
    made: dict[str, Made] = field(default_factory=dict)  # digest of a context → realizations
    _last: dict[str, tuple[int, str, _Stamp | None]] = field(default_factory=dict)

    def stands(self, folder: str) -> bool:
        """Whether the last record that was read of each context is still there (RF2)."""
        return all(stamp == _stamp(f"{folder}/{name}") for _, name, stamp in self._last.values())

    def read(self, folder: str, names: Iterable[str], context: str) -> None:
        """Reads the records of the contexts whose digest starts with `context`.

        A damaged record is left out, with a warning.
        """
        for name in names:
            if name.endswith(".begin"):
                self.names.add(name)
            elif not name.endswith(".json"):
                self.names.add(name)
                self.others.add(name)
            elif name.startswith(context) and attempts.is_record(name):
                self._read_one(folder, name)

    def _read_one(self, folder: str, name: str) -> None:
        stamp = _stamp(f"{folder}/{name}")
        for attempt in attempts.read_records(folder, [name]):
            self.names.add(name)  # a damaged record is not added, so that each call warns of it
            if attempt.number >= self._last.get(name[:32], (-1,))[0]:
                self._last[name[:32]] = attempt.number, name, stamp
            if attempt.rref is not None:
                tries = self.made.setdefault(attempt.context, {}).setdefault(attempt.rref, [])
                tries.append(attempt)
                if len(tries) > 1 and attempt.order < tries[-2].order:
                    tries.sort(key=attrgetter("order"))


_known: dict[str, _Records] = {}


def look(folder: str, context: str = "") -> tuple[Collection[str], dict[str, Made]]:
    """The names of files in a folder of attempts, and the realizations of each context.

    The names of claims and records may be left out. All contexts whose digest starts with
    `context` are there, and perhaps others.
    """
    names = attempts.names(folder)
    if len(names) <= _FEW:
        return names, _read_few(folder, names, context)
    listed, stamps = set(names), _stamps(folder)
    found = _known.pop(folder, _Records())
    if found.stamps != stamps or not found.names <= listed or not found.stands(folder):
        found = _Records(stamps)
    found.read(folder, listed - found.names, context)
    while len(_known) >= _MOST:
        _known.pop(next(iter(_known), ""), None)
    _known[folder] = found
    return found.others, found.made


def _read_few(folder: str, names: list[str], context: str) -> dict[str, Made]:
    found: dict[str, Made] = {}
    ended = [n for n in names if n.startswith(context) and attempts.is_record(n)]
    for attempt in attempts.read_records(folder, ended):
        if attempt.rref is not None:
            made = found.setdefault(attempt.context, {})
            made.setdefault(attempt.rref, []).append(attempt)
    return found


def _stamps(folder: str) -> tuple[object, object]:
    status = os.stat(folder)
    return (status.st_dev, status.st_ino), _stamp(f"{os.path.dirname(folder)}/config.json")


def _stamp(path: str) -> _Stamp | None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size
