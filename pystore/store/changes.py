"""Changes: which derivations may have changed since a token, told by the stamps of folders.

CF1  No change is missed: a look tells each change that was made before it and since the last one.
CF2  A look at n derivations where nothing is new costs 2n + 1 calls of stat.

A stamp has the inode of a folder and its times of change: `rsync -a` sets the one back, and not
the other. Two changes may share a tick of a disk's clock, and so a stamp. Therefore the names in a
folder are compared as well, at each look, until no further change can have the same stamp.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from ..core.refs import DRef
from .layout import Layout, well_formed

TICK = 2.0  # [s] of a disk's clock: the longest known, of FAT behind a server; most take 4 ms

Stamp = tuple[int, ...]
Names = frozenset[tuple[str, int]]  # and inodes

_stamp_of = attrgetter("st_ctime_ns", "st_ino", "st_mtime_ns", "st_dev", "st_size", "st_nlink")
_NOT_THERE = (FileNotFoundError, NotADirectoryError, PermissionError)


def _stat(path: str) -> Stamp | None:
    try:
        stamp: Stamp = _stamp_of(os.stat(path))
        return stamp
    except _NOT_THERE:
        return None


def _names(path: str) -> Names:
    try:
        with os.scandir(path) as entries:
            return frozenset((entry.name, entry.inode()) for entry in entries)
    except _NOT_THERE:
        return frozenset()


class World(NamedTuple):
    """How folders and clocks are read."""

    stat: Callable[[str], Stamp | None] = _stat  # None: there is no such folder
    names: Callable[[str], Names] = _names
    timer: Callable[[], float] = time.monotonic  # [s]
    clock: Callable[[], int] = time.time_ns  # [ns since the epoch]


_WORLD = World()


class Folder(NamedTuple):
    """A folder as a look has found it."""

    stamp: Stamp | None
    since: float = 0.0  # when a look had found this stamp [s, of the timer]
    names: Names | None = None  # None: no further change can have the same stamp


@dataclass(frozen=True)
class Seen:
    """What a look has found in one store."""

    folders: Mapping[str, Folder] = field(default_factory=dict)
    drefs: frozenset[DRef] | None = None  # all that the store has; None: only some were looked at
    clock: int = 0  # that the disk's clock had reached [ns since the epoch]


@dataclass(frozen=True)
class Token:
    """What a look has found. The next look takes it, in any process of the same machine."""

    stores: Mapping[str, Seen] = field(default_factory=dict)  # by their folders `drv/`


@dataclass(frozen=True)
class Changes:
    """The derivations that may have changed, sorted, and the token for the next look."""

    token: Token
    drefs: list[DRef]


def changes_since(
    layout: Layout,
    drefs: Collection[DRef] | None = None,
    since: Token | None = None,
    world: World = _WORLD,
) -> Changes:
    """Which derivations of a store, and of the one below, may have changed since a look.

    All of them where there was none. `drefs` are those to look at; None means all that are there,
    or were there then.
    """
    stores: dict[str, Seen] = {}
    told: set[DRef] = set()
    for one in filter(None, (layout, layout.below)):
        before = (since or Token()).stores.get(str(one.drv))
        search = _Look(one, before or Seen(clock=_clock_of(one, world)), world)
        told |= search.all() if drefs is None else search.some(drefs)
        stores[str(one.drv)] = search.seen()
    return Changes(Token(stores), sorted(told))


def _clock_of(layout: Layout, world: World) -> int:
    """What the clock of a store's disk has reached at least: most that is done changes `tmp/`."""
    stamp = world.stat(str(layout.tmp))
    return stamp[0] if stamp else 0


class _Look:
    """A look at one store."""

    def __init__(self, layout: Layout, before: Seen, world: World) -> None:
        self._layout, self._before, self._world = layout, before, world
        self._begin = world.timer()
        # A later change has a later time than this, though the disk's clock may differ from ours.
        self._past = min(world.clock(), before.clock) - int(TICK * 1e9)  # [ns since the epoch]
        self._folders: dict[str, Folder] = {}
        self._drefs: frozenset[DRef] | None = None

    def all(self) -> set[DRef]:
        """Those that may have changed, of all that the store has or had."""
        drv, known = str(self._layout.drv), self._before.drefs
        if self._has_changed(drv) or known is None:
            names = (f"dref:{name}" for name, _ in self._world.names(drv))
            self._drefs = frozenset(well_formed(DRef, names))
        else:
            self._drefs = known
        return self._changed(self._drefs) | ((known or frozenset()) - self._drefs)

    def some(self, drefs: Collection[DRef]) -> set[DRef]:
        """Those that may have changed, of these."""
        told = self._changed(drefs)
        self._folders = {**self._before.folders, **self._folders}
        return told

    def seen(self) -> Seen:
        """What was found."""
        times = (folder.stamp[0] for folder in self._folders.values() if folder.stamp)
        return Seen(self._folders, self._drefs, max(times, default=0))

    def _changed(self, drefs: Iterable[DRef]) -> set[DRef]:
        derivation, attempts, has_changed = (
            self._layout.derivation, self._layout.attempts, self._has_changed,
        )  # fmt: skip
        # Both folders are looked at, whatever the first one says.
        return {d for d in drefs if has_changed(derivation(d)) | has_changed(attempts(d))}

    def _has_changed(self, path: str) -> bool:
        """Whether something in a folder may have changed; notes what is found."""
        stamp, was = self._world.stat(path), self._before.folders.get(path)
        if was is None or was.stamp != stamp:
            is_past = stamp is None or stamp[0] < self._past
            names = None if is_past else self._world.names(path)
            self._folders[path] = Folder(stamp, self._world.timer(), names)
            return True
        if was.names is None:
            self._folders[path] = was
            return False
        names = self._world.names(path)
        # Who had the same stamp a tick before this look began has had all its changes.
        is_past = stamp is None or self._begin - was.since >= TICK
        self._folders[path] = was._replace(names=None if is_past else names)
        return names != was.names
