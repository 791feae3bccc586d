"""Usage: how much room realizations take, and how much of it they share.

Files with the same bytes may be one file on the disk, under several names.
"""

import stat
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from ..model.refs import RRef
from ..store.store import Store
from ..store.walk import walk


@dataclass(frozen=True)
class Usage:
    """What some realizations take together; `disk` - `shared` is what goes when they go."""

    rrefs: tuple[RRef, ...]
    files: int
    size: int  # [bytes] of all files
    disk: int  # [bytes] each file on the disk counted once
    shared: int  # [bytes] of `disk` that have names elsewhere too


@dataclass
class _Inode:
    size: int
    links: int  # its names, wherever they are
    seen: int = 0  # of these, how many are ours


def usage(groups: Mapping[Hashable, Iterable[RRef]], store: Store) -> dict[Hashable, Usage]:
    """What each group of realizations takes; what has gone meanwhile takes nothing."""
    return {name: _usage(tuple(rrefs), store) for name, rrefs in groups.items()}


def _usage(rrefs: tuple[RRef, ...], store: Store) -> Usage:
    inodes: dict[tuple[int, int], _Inode] = {}
    for rref in rrefs:
        _count(store.layout.out(rref), inodes)
    return Usage(
        rrefs,
        sum(inode.seen for inode in inodes.values()),
        sum(inode.size * inode.seen for inode in inodes.values()),
        sum(inode.size for inode in inodes.values()),
        sum(inode.size for inode in inodes.values() if inode.links > inode.seen),
    )


def _count(out: str, inodes: dict[tuple[int, int], _Inode]) -> None:
    try:
        for step in walk(out):
            status = step.status
            if stat.S_ISREG(status.st_mode):
                key = (status.st_dev, status.st_ino)
                inodes.setdefault(key, _Inode(status.st_size, status.st_nlink)).seen += 1
    except FileNotFoundError:
        return  # it was removed just now
