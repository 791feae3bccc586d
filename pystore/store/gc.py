"""Collecting garbage: realizations that nothing keeps, and litter.

GC1  Nothing that is kept ever loses a dependency: roots are closed over contexts.
GC2  What a living process uses is never removed (S9).
GC3  Bytes go; configs, attempts and their metrics stay.
GC4  Removal is a rename into `trash/`, made durable before anything is deleted (S3).
"""

import errno
import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import Corrupted, NotInStore
from ..core.gc_policy import GcPolicy
from ..core.manifest import MANIFEST, Manifest
from ..core.printable import counted, listed
from ..core.refs import RRef
from . import disk, locks, rights, tree
from .chosen import chosen
from .gate import gate
from .live_file import used
from .pins import pins, roots_at
from .reader import Reader
from .rights import Obstacle, obstacle
from .trash import discard, discard_litter

Keepable = RRef | str | Path | GcPolicy


@dataclass(frozen=True)
class Garbage:
    """What a collection removed, or would remove."""

    realizations: dict[RRef, int]  # their sizes [bytes]
    litter: tuple[str, ...]  # names of what was left in tmp/ and trash/
    removed: bool  # False: a dry run
    shared: int = 0  # bytes of the realizations that are not freed: equal files stay
    left: tuple[Obstacle, ...] = ()  # what belongs to others, cannot be read, or is mounted

    @property
    def size(self) -> int:
        """Bytes of the realizations."""
        return sum(self.realizations.values())

    def to_dict(self) -> dict[str, Any]:
        """The collection as `pystore gc --json` prints it, sizes in bytes."""
        return {
            "removed": self.removed,
            "size": self.size,
            "shared": self.shared,
            "realizations": [{"rref": r, "size": n} for r, n in self.realizations.items()],
            "leftovers": list(self.litter),
            "left": [one._asdict() for one in self.left],
        }

    def __str__(self) -> str:
        verb = "removed" if self.removed else "would remove"
        left, found = len(self.litter), counted(len(self.realizations), "realization")
        head = f"{verb} {found}, {counted(self.size, 'byte')}, {counted(left, 'leftover')}"
        return "\n".join([head, *self.obstacles])

    @property
    def obstacles(self) -> list[str]:
        """What was left where it is, and whose it is: a line each, of many the first ones."""
        return listed((f"left: {one}" for one in self.left), "\n").splitlines()


@rights.explained
def collect(
    store: Reader, keep: Iterable[Keepable] | None = None, *, dry_run: bool = True
) -> Garbage:
    """Removes each realization that no root keeps, and what dead processes left.

    Roots are the pins, what living processes use, and `keep`: RRefs, paths that lead into the
    store, directories of such links, and policies such as `keep_latest(2)`; where it is None, the
    latest of each derivation, and what the matchers that are in use would choose. What is another
    user's stays, and is named; where it cannot be read what must stay, all realizations do.
    """
    kept, store = None if keep is None else list(keep), store.own
    with gate(store.layout.gate, fcntl.LOCK_SH if dry_run else fcntl.LOCK_EX):
        found = _look(store, kept)
        shared = store.pool.shared(Path(store.layout.out(rref)) for rref in found.victims)
        if not dry_run:
            _move_away(store, found)
    if not dry_run:
        _empty_trash(store, found)
    names = tuple(path.name for path in found.litter)
    return Garbage(found.victims, names, not dry_run, shared, tuple(found.left))


@dataclass
class _Found:
    """What can go, and what cannot."""

    litter: dict[Path, Path]  # what dead processes left → where it is now
    victims: dict[RRef, int] = field(default_factory=dict)  # their sizes [bytes]
    left: list[Obstacle] = field(default_factory=list)

    def bar(self, path: Path, because: OSError | str) -> None:
        """Leaves it where it is. Raises an error that is no matter of rights."""
        if isinstance(because, OSError) and because.errno not in _BARRED:
            raise because
        self.left.append(obstacle(path, because))

    def may_go(self, path: Path) -> bool:
        """Whether it is ours to remove; if not, it is named."""
        try:
            if rights.is_ours(path) or not path.is_dir():
                return True
        except FileNotFoundError:
            return False  # its owner has just removed it
        # Its sealed folders could be neither moved nor emptied.
        self.bar(path, "it is another user's")
        return False


_BARRED = (errno.EPERM, errno.EACCES, errno.EBUSY)


def _look(store: Reader, kept: list[Keepable] | None) -> _Found:
    found = _Found({})
    found.litter = {path: path for path in _litter(store, found) if found.may_go(path)}
    try:
        marked = _closed(store, _roots(store, kept))
    except PermissionError as error:  # what must stay is not known: so all of it does (GC2)
        place = Path(error.filename or store.root)  # of a descriptor, no name is known
        found.bar(place, "it says what must stay, and cannot be read")
        return found
    everything = {r for dref in store.drefs() for r in store.realizations(dref)}
    ours = [r for r in sorted(everything - marked) if found.may_go(_folder(store, r))]
    found.victims = {rref: _size(store, rref) for rref in ours}
    return found


def _folder(store: Reader, rref: RRef) -> Path:
    return Path(store.layout.realization(rref))


def _roots(store: Reader, kept: list[Keepable] | None) -> set[RRef]:
    # Another process may still read what it was given; this one has asked for the collection,
    # and keeps only what its own running builds need.
    own = frozenset() if store.session.running else store.session.names
    roots = used(store.layout.tmp, without=own) | set(pins(store).values())
    if kept is None:
        roots |= chosen(store)
    for one in kept or ():
        if isinstance(one, GcPolicy):
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


def _closed(store: Reader, roots: set[RRef]) -> set[RRef]:
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


def _size(store: Reader, rref: RRef) -> int:
    try:
        return Manifest.parse(disk.read(store.layout.realization(rref) + f"/{MANIFEST}")).size
    except (FileNotFoundError, Corrupted):
        return 0


def _litter(store: Reader, found: _Found) -> list[Path]:
    areas = {store.layout.tmp, store.staging_area}
    paths = sorted(path for area in areas for path in area.iterdir())
    waiting = [path for path in paths if _is_left(path, found)]
    return [*waiting, *sorted(store.layout.trash.iterdir())]


def _is_left(path: Path, found: _Found) -> bool:
    try:
        return not locks.in_use(path)
    except PermissionError as error:
        found.bar(path, error)  # who cannot tell must not remove
        return False


def _move_away(store: Reader, found: _Found) -> None:
    homes = set()
    for rref in list(found.victims):
        target = _folder(store, rref)
        try:
            discard(store.layout, target)
            homes.add(target.parent)
        except OSError as error:
            found.bar(target, error)
            del found.victims[rref]
    if store.durable:
        for home in homes:
            disk.sync_directory(home)
    for path in list(found.litter):
        if path.parent == store.layout.trash:
            continue
        try:
            found.litter[path] = discard_litter(store.layout, path)
        except FileNotFoundError:
            continue  # its owner has just removed it
        except OSError as error:
            found.bar(path, error)
            del found.litter[path]


def _empty_trash(store: Reader, found: _Found) -> None:
    barred: list[OSError] = []
    for resting in sorted(store.layout.trash.iterdir()):
        if resting not in found.litter and not found.may_go(resting):
            continue  # another user's gc was killed meanwhile
        tree.remove(resting, barred)
    try:
        store.pool.prune()
    except PermissionError as error:
        barred.append(error)
    for one in barred:
        found.bar(Path(one.filename or store.layout.trash), one)
    found.litter = {was: now for was, now in found.litter.items() if not os.path.lexists(now)}
