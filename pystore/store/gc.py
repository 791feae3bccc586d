"""Collecting garbage: removes realizations that nothing keeps, and what dead processes left.

GC1  Nothing that is kept ever loses a dependency: roots are closed over contexts.
GC2  What a living process uses is never removed (S9).
GC3  Bytes go; configs, attempts and their metrics stay.
GC4  Removal is a rename into `trash/`, made durable before anything is deleted (S3).
"""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from ..core.dataclasses import dataclass, field
from ..core.gc_policy import GcPolicy
from ..core.holding import Holding
from ..core.listing import Listing, files_of
from ..core.printable import counted, listed
from ..core.refs import DRef, RRef
from . import disk, locks, rights, tree
from .candidates import held_by
from .chosen import chosen
from .live_file import used
from .pins import pins, roots_at
from .reader import Reader
from .remove import built_from
from .rights import Obstacle, obstacle
from .trash import discard, discard_litter

Keepable = RRef | str | Path | GcPolicy
Why = Literal["pinned", "in use", "asked for", "chosen", "input"]
"""Why a realization stays: the first of these. An input is one of a realization that stays."""


@dataclass(frozen=True)
class Garbage:
    """The result of a collection, or of a dry run."""

    realizations: dict[RRef, int]  # and their sizes [bytes]
    litter: tuple[str, ...]  # names of the leftovers of dead processes in tmp/ and trash/
    removed: bool  # False: a dry run
    shared: int = 0  # bytes of the realizations that are not freed: equal files stay
    left: tuple[Obstacle, ...] = ()  # paths of other users, unreadable ones, and mounts
    kept: Mapping[RRef, Why] = field(default_factory=dict)  # why each of the others stays

    @property
    def size(self) -> int:
        """The bytes of the realizations."""
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
        """A line for each path that could not be removed, with its owner; at most a few."""
        return listed((f"left: {one}" for one in self.left), "\n").splitlines()


@rights.explained
def collect(
    store: Reader, keep: Iterable[Keepable] | None = None, *, dry_run: bool = True
) -> Garbage:
    """Removes each realization that no root keeps, and what dead processes left.

    Roots are the pins, the realizations that living processes use, and `keep`: RRefs, paths that
    lead into the store, directories of such links, and policies such as `keep_latest(2)`. Without
    `keep`, these are the latest of each derivation and the choices of the matchers in use. Paths
    of other users stay, and are named. Where a root cannot be read, all realizations stay.
    """
    kept, store = None if keep is None else list(keep), store.own
    with store.parts.session.open_gate() if dry_run else store.parts.session.closed_gate():
        found = _look(store, kept)
        shared = store.parts.shared_files.shared(_files(store, found))
        if not dry_run:
            _move_away(store, found)
    if not dry_run:
        _empty_trash(store, found)
    names = tuple(path.name for path in found.litter)
    return Garbage(found.victims, names, not dry_run, shared, tuple(found.left), found.kept)


@dataclass
class _Found:
    """What one collection removes, and what it must leave."""

    litter: dict[Path, Path]  # the path of each leftover → where it is now
    victims: dict[RRef, int] = field(default_factory=dict)  # realizations and their sizes [bytes]
    left: list[Obstacle] = field(default_factory=list)
    listings: Mapping[DRef, Listing] = field(default_factory=dict)
    kept: Mapping[RRef, Why] = field(default_factory=dict)

    def bar(self, path: Path | str, because: OSError | str) -> None:
        """Leaves a path where it is. Raises the error if it is not about rights."""
        if isinstance(because, OSError) and because.errno not in _BARRED:
            raise because
        self.left.append(obstacle(path, because))

    def may_go(self, path: Path | str) -> bool:
        """Whether a path is ours to remove; if not, it is named."""
        try:
            if rights.is_ours(path) or not os.path.isdir(path):
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
        held = store.holdings(store.drefs())
        found.kept = _closed(store, _roots(store, kept, held))
    except PermissionError as error:  # a root may be unknown, so all realizations stay (GC2)
        place = Path(error.filename or store.root)  # a descriptor has no name
        found.bar(place, "it says what must stay, and cannot be read")
        return found
    sizes = dict[RRef, int]()
    found.listings = store.listings(held) if any(one.here for one in held.values()) else {}
    for dref, one in found.listings.items():
        sizes |= _sizes(held[dref], one, found.kept)
    going = sorted(sizes, key=str)  # plain texts are compared faster
    if not rights.may_take_all():
        layout = store.parts.layout
        going = [rref for rref in going if found.may_go(layout.realization(rref))]
    found.victims = {rref: sizes[rref] for rref in going}
    return found


def _roots(
    store: Reader, kept: list[Keepable] | None, held: Mapping[DRef, Holding]
) -> dict[RRef, Why]:
    # Another process may still read the realizations that it was given. This one has asked for
    # the collection, and keeps only those that its own running builds need.
    own = frozenset() if store.parts.session.running else store.parts.session.names
    roots: dict[RRef, Why] = {}
    if kept is None:
        roots |= dict.fromkeys(chosen(store, held), "chosen")
    for one in kept or ():
        roots |= dict.fromkeys(_asked_for(store, one, held), "asked for")
    roots |= dict.fromkeys(used(store.parts.tmp, without=own), "in use")
    return roots | dict.fromkeys(pins(store).values(), "pinned")


def _asked_for(store: Reader, one: Keepable, held: Mapping[DRef, Holding]) -> set[RRef]:
    if isinstance(one, GcPolicy):
        layout = store.parts.layout
        each = (one.chosen(held_by(layout, known, [one.matcher])) for known in held.values())
        return set[RRef]().union(*each)
    if isinstance(one, str) and one.startswith("rref:"):
        store.path(RRef(one))
        return {RRef(one)}
    return roots_at(store, _expanded(one))


def _expanded(path: str | Path) -> Path:
    try:
        return Path(os.path.expanduser(path))
    except ValueError:
        return Path(path)  # this is no path: the error for one that leads nowhere names it


def _closed(store: Reader, roots: Mapping[RRef, Why]) -> dict[RRef, Why]:
    marked = dict(roots)
    stack = list(roots)
    while stack:
        for rref in built_from(store, stack.pop()):
            if rref not in marked:
                marked[rref] = "input"
                stack.append(rref)
    return marked


def _sizes(held: Holding, listed: Listing, kept: Mapping[RRef, Why]) -> dict[RRef, int]:
    """The bytes of each realization that is not kept; 0 where nobody can read what it holds."""
    known = dict(zip(listed.digests, listed.sizes, strict=True))
    found = zip(held.here, held.realizations(), strict=True)
    return {rref: known.get(digest, 0) for digest, rref in found if rref not in kept}


def _files(store: Reader, found: _Found) -> Iterator[bytes]:
    """The paths of the files of all realizations that are to go."""
    for dref, one in found.listings.items():
        paths = [[b"/out/" + path for path in files_of(shape)] for shape in one.shapes]
        home, name = os.fsencode(store.parts.layout.derivation(dref)) + b"/", dref[5:]
        for digest, shape in zip(one.digests, one.shape, strict=True):
            if f"rref:{digest}-{name}" in found.victims:
                realization = home + digest.encode()
                yield from [realization + path for path in paths[shape]]


def _litter(store: Reader, found: _Found) -> list[Path]:
    areas = {store.parts.tmp, store.parts.staging_area}
    paths = sorted(path for area in areas for path in area.iterdir())
    waiting = [path for path in paths if _is_left(path, found)]
    return [*waiting, *sorted(store.parts.layout.trash.iterdir())]


def _is_left(path: Path, found: _Found) -> bool:
    try:
        return not locks.in_use(path)
    except PermissionError as error:
        found.bar(path, error)  # it may be in use
        return False


def _move_away(store: Reader, found: _Found) -> None:
    homes = set()
    for rref in list(found.victims):
        target = store.home(rref)
        try:
            discard(store.parts.layout, target)
            homes.add(target.parent)
        except OSError as error:
            found.bar(target, error)
            del found.victims[rref]
    if store.parts.durable:
        for home in homes:
            disk.sync_directory(home)
    for path in list(found.litter):
        if path.parent == store.parts.layout.trash:
            continue
        try:
            found.litter[path] = discard_litter(store.parts.layout, path)
        except FileNotFoundError:
            continue  # its owner has just removed it
        except OSError as error:
            found.bar(path, error)
            del found.litter[path]


def _empty_trash(store: Reader, found: _Found) -> None:
    barred: list[OSError] = []
    for resting in sorted(store.parts.layout.trash.iterdir()):
        if resting not in found.litter and not found.may_go(resting):
            continue  # another user's gc was killed just now
        tree.remove(resting, barred)
    try:
        store.parts.shared_files.prune()
    except PermissionError as error:
        barred.append(error)
    for one in barred:
        found.bar(Path(one.filename or store.parts.layout.trash), one)
    found.litter = {was: now for was, now in found.litter.items() if not os.path.lexists(now)}
