"""Collecting garbage: realizations that nothing keeps, and litter.

G1  Nothing that is kept ever loses a dependency: roots are closed over contexts.
G2  What a living process uses is never removed (S9).
G3  Bytes go; configs, attempts and their metrics stay.
G4  Removal is a rename into `trash/`, made durable before anything is deleted (S3).
"""

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..model.errors import Corrupted, NotInStore
from ..model.keep import Keep
from ..model.manifest import Manifest
from ..model.printable import counted
from ..model.refs import RRef
from . import disk, live, locks, tree
from .commit import MANIFEST, trash
from .pins import pins, roots_at
from .store import Store

Kept = RRef | str | Path | Keep


@dataclass(frozen=True)
class Garbage:
    """What a collection removed, or would remove."""

    realizations: dict[RRef, int]  # their sizes [bytes]
    litter: tuple[str, ...]  # names of what was left in tmp/ and trash/
    removed: bool  # False: a dry run
    shared: int = 0  # bytes of the realizations that are not freed: equal files stay

    @property
    def size(self) -> int:
        """Bytes of the realizations."""
        return sum(self.realizations.values())

    def __str__(self) -> str:
        verb = "removed" if self.removed else "would remove"
        left, found = len(self.litter), counted(len(self.realizations), "realization")
        return f"{verb} {found}, {counted(self.size, 'byte')}, {counted(left, 'leftover')}"


def collect(store: Store, keep: Iterable[Kept] = (), *, dry_run: bool = True) -> Garbage:
    """Removes each realization that no root keeps, and what dead processes left.

    Roots are the pins, what living processes use, and `keep`: RRefs, paths that lead into the
    store, directories of such links, and policies such as `keep_latest(2)`.
    """
    kept, store = list(keep), store.own
    with live.gate(store.layout.gate, fcntl.LOCK_SH if dry_run else fcntl.LOCK_EX):
        marked = _closed(store, _roots(store, kept))
        everything = {r for dref in store.drefs() for r in store.realizations(dref)}
        victims = {rref: _size(store, rref) for rref in sorted(everything - marked)}
        litter = sorted(_litter(store))
        shared = store.pool.shared(Path(store.layout.out(rref)) for rref in victims)
        if not dry_run:
            _move_away(store, victims, litter)
    if not dry_run:
        for resting in sorted(os.listdir(store.layout.trash)):
            tree.remove(store.layout.trash / resting)
        store.pool.prune()
    return Garbage(victims, tuple(path.name for path in litter), not dry_run, shared)


def _roots(store: Store, kept: list[Kept]) -> set[RRef]:
    # Another process may still read what it was given; this one has asked for the collection,
    # and keeps only what its own running builds need.
    own = frozenset() if store.session.running else store.session.names
    roots = live.used(store.layout.tmp, without=own) | set(pins(store).values())
    for one in kept:
        if isinstance(one, Keep):
            for dref in store.drefs():
                roots |= one.chosen(store.all_candidates(dref, one.matcher.reads))
        elif isinstance(one, str) and one.startswith("rref:"):
            store.path(RRef(one))
            roots.add(RRef(one))
        else:
            roots |= roots_at(store, _expanded(one))
    return roots


def _expanded(path: str | Path) -> Path:
    try:
        return Path(os.path.expanduser(path))
    except ValueError:
        return Path(path)  # not even a path: it leads nowhere, and is named as such


def _closed(store: Store, roots: set[RRef]) -> set[RRef]:
    marked: set[RRef] = set()
    stack = list(roots)
    while stack:
        rref = stack.pop()
        if rref in marked:
            continue
        marked.add(rref)
        try:
            context = store.context(rref)
        except (NotInStore, Corrupted):
            continue  # what is not there, or cannot be read, holds nothing that we could name
        stack += [need for needs in context.values() for need in needs]
    return marked


def _size(store: Store, rref: RRef) -> int:
    try:
        return Manifest.parse(disk.read(store.layout.realization(rref) + f"/{MANIFEST}")).size
    except (FileNotFoundError, Corrupted):
        return 0


def _litter(store: Store) -> set[Path]:
    areas = {store.layout.tmp, store.staging_area}
    waiting = {path for area in areas for path in area.iterdir() if not locks.in_use(path)}
    return waiting | set(store.layout.trash.iterdir())


def _move_away(store: Store, victims: Iterable[RRef], litter: Iterable[Path]) -> None:
    homes = set()
    for rref in victims:
        target = Path(store.layout.realization(rref))
        trash(store.layout, target)
        homes.add(target.parent)
    if store.durable:
        for home in homes:
            disk.sync_directory(home)
    for path in litter:
        if path.parent != store.layout.trash:
            with suppress(FileNotFoundError):  # its owner has just removed it
                os.rename(path, store.layout.trash / disk.fresh_name())
