"""Changes: which derivations may have changed since a token, told by the stamps of folders.

WN1  No change is missed: a look tells each change between the last look and this one.
WN2  A look at n derivations without a change costs 2n + 1 calls of stat.

A stamp is the inode of a folder and its times: `rsync -a` sets the time of modification back, but
not that of change (ctime). Two changes in one tick of the disk's clock have the same stamp. So the
next looks tell a folder with a new stamp again, until no further change can have that stamp.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple

from ..core.dataclasses import dataclass, field, replace
from ..core.refs import DRef
from .layout import ATTEMPTS, Layout, well_formed

# The longest tick of a disk's clock [s]. Times in whole milliseconds come from a coarse clock: HFS
# and SFTP have ticks of one second, FAT of two. Others tick with the kernel, which may be late.
COARSE, FINE = 2.0, 0.25

Stamp = tuple[int, ...]

_NOT_THERE = (FileNotFoundError, NotADirectoryError, PermissionError)
_parts_of = attrgetter("st_ctime_ns", "st_ino", "st_mtime_ns", "st_dev", "st_size", "st_nlink")


def stamp_of(path: str) -> Stamp | None:
    """The stamp of a folder; None where there is none, or where we may not look."""
    try:
        stamp: Stamp = _parts_of(os.stat(path))
        return stamp
    except _NOT_THERE:
        return None


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except _NOT_THERE:
        return []


class World(NamedTuple):
    """How folders and clocks are read."""

    stat: Callable[[str], Stamp | None] = stamp_of  # None: there is no such folder
    names: Callable[[str], list[str]] = _names
    timer: Callable[[], float] = time.monotonic  # [s]
    clock: Callable[[], int] = time.time_ns  # [ns since the epoch]


_WORLD = World()


class Folder(NamedTuple):
    """A folder as a look has found it."""

    stamp: Stamp | None
    since: float | None  # when a look had found it [s, of the timer]; None: its tick is over


@dataclass(frozen=True)
class Calm:
    """The folders of derivations where a look has found nothing new, and all ticks are over."""

    drefs: frozenset[DRef]
    paths: tuple[str, ...]
    stamps: list[Stamp | None]


@dataclass(frozen=True)
class Seen:
    """The findings of a look in one store."""

    folders: Mapping[str, Folder] = field(default_factory=dict)
    drefs: frozenset[DRef] | None = None  # all to look at; None: only some were looked at
    clock: int = 0  # the disk's clock had reached this [ns since the epoch]
    calm: Calm | None = None


Token = Mapping[str, Seen]  # by the folder `drv/` of each store; for this machine only


@dataclass(frozen=True)
class Changes:
    """The derivations that may have changed, sorted, and the token for the next look."""

    token: Token
    drefs: list[DRef]
    anew: bool  # whether derivations may have come or gone, those that are not looked at as well


def changes_since(
    layout: Layout,
    drefs: Collection[DRef] | None = None,
    since: Token | None = None,
    world: World = _WORLD,
) -> Changes:
    """The derivations of a store, and of the one below, that may have changed since a look.

    Without a token these are all. `drefs` are the derivations to look at; None means all that are
    there, or were there at the last look.
    """
    stores: dict[str, Seen] = {}
    told: set[DRef] = set()
    anew = False
    for one in filter(None, (layout, layout.below)):
        before = (since or {}).get(str(one.drv)) or Seen(clock=clock_of(one, world))
        search = _Look(one, before, world)
        told |= search.all() if drefs is None else search.some(drefs)
        stores[str(one.drv)] = search.seen()
        anew |= search.anew
    return Changes(stores, sorted(told), anew)


def clock_of(layout: Layout, world: World = _WORLD) -> int:
    """A time that the disk's clock has reached, by `tmp/`, which nearly each action changes."""
    stamp = world.stat(str(layout.tmp))
    return stamp[0] if stamp else 0


def reached(layout: Layout, folders: Iterable[Folder], world: World = _WORLD) -> int:
    """A time that the disk's clock has reached, given the folders that were found before."""
    times = (folder.stamp[0] for folder in folders if folder.stamp)
    return max(times, default=0) or clock_of(layout, world)


class _Look:
    """A look at one store."""

    def __init__(self, layout: Layout, before: Seen, world: World) -> None:
        self._layout, self._before, self._world = layout, before, world
        self._begin = world.timer()
        # The disk's clock may differ from ours. The last look says which time it had reached.
        self._clock = min(world.clock(), before.clock)
        self._noted: dict[str, Folder] = {}  # the folders that differ from those of the last look
        self._kept = before.folders
        self._drefs: frozenset[DRef] | None = None
        self._calm: Calm | None = None
        self.anew = self._has_changed(str(layout.drv))

    def all(self) -> set[DRef]:
        """The derivations that may have changed, of all in the store."""
        drv, known = str(self._layout.drv), self._before.drefs
        is_new = self.anew or known is None
        drefs = known or frozenset()
        if is_new:
            names = (f"dref:{name}" for name in self._world.names(drv))
            drefs |= frozenset(well_formed(DRef, names))
            self._keep(drefs)
        told, absent = self._changed(drefs, is_new)
        self._drefs = drefs - (absent - told)  # what is told now is looked at once more
        return told

    def some(self, drefs: Collection[DRef]) -> set[DRef]:
        """Which of these derivations may have changed."""
        return self._changed(drefs, self.anew)[0]

    def seen(self) -> Seen:
        """The findings, when the look is over."""
        if not self._noted and self._kept is self._before.folders:
            return replace(self._before, drefs=self._drefs, calm=self._calm)
        folders = {**self._kept, **self._noted}
        times = (folder.stamp[0] for folder in folders.values() if folder.stamp)
        return Seen(folders, self._drefs, max(times, default=0))

    def _keep(self, drefs: Collection[DRef]) -> None:
        """Forgets the folders of other derivations."""
        homes = [str(self._layout.drv), *map(self._layout.derivation, drefs)]
        paths = (path for home in homes for path in (home, home + ATTEMPTS))
        before = self._before.folders
        self._kept = {path: before[path] for path in paths if path in before}

    def _changed(self, drefs: Collection[DRef], is_new: bool) -> tuple[set[DRef], set[DRef]]:
        """The derivations that may have changed, and those that are absent.

        An absent one has no stamp: it may have come and gone again, if `drv/` has a new stamp.
        """
        if self._is_calm(drefs):
            return set(), set()
        told: set[DRef] = set()
        absent: set[DRef] = set()
        before, stat = self._before.folders, self._world.stat
        for dref in drefs:
            for path in self._paths(dref):  # both, whatever the first one says
                stamp, was = stat(path), before.get(path)
                if was is None or was.stamp != stamp or was.since is not None:
                    told.add(dref)
                    self._note(path, stamp, was)
            if stamp is None:
                absent.add(dref)
        if not told and not absent:
            paths = tuple(path for dref in drefs for path in self._paths(dref))
            self._calm = Calm(frozenset(drefs), paths, [before[path].stamp for path in paths])
        return (told | absent if is_new else told), absent

    def _is_calm(self, drefs: Collection[DRef]) -> bool:
        """Whether all is as calm as before, with few calls: a follower asks again and again."""
        calm = self._before.calm
        if calm is None or calm.drefs != drefs:
            return False
        if list(map(self._world.stat, calm.paths)) != calm.stamps:
            return False
        self._calm = calm
        return True

    def _paths(self, dref: DRef) -> tuple[str, str]:
        home = self._layout.derivation(dref)
        return home + ATTEMPTS, home

    def _has_changed(self, path: str) -> bool:
        """Whether something in a folder may have changed; notes the folder's stamp if so."""
        stamp, was = self._world.stat(path), self._before.folders.get(path)
        if was is not None and was.stamp == stamp and was.since is None:
            return False
        self._note(path, stamp, was)
        return True

    def _note(self, path: str, stamp: Stamp | None, was: Folder | None) -> None:
        if was is None or was.stamp != stamp:
            self._noted[path] = Folder(stamp, self._since(stamp))
        else:
            # The tick of the stamp is over if a look had found it a whole tick before this one.
            over = stamp is None or was.since is None or self._begin - was.since >= tick_of(stamp)
            self._noted[path] = Folder(stamp, None if over else was.since)

    def _since(self, stamp: Stamp | None) -> float | None:
        if stamp is None or stamp[0] < self._clock - tick_of(stamp) * 1e9:
            return None
        return self._world.timer()


def tick_of(stamp: Stamp) -> float:
    """The longest tick [s] of the clock that a stamp may come from."""
    return FINE if stamp[0] % 1_000_000 else COARSE
