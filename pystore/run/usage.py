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


_Key = tuple[int, int]  # device and inode


@dataclass
class _Inode:
    size: int
    links: int  # its names, wherever they are
    seen: int = 0  # of these, how many are ours


def usage(
    groups: Mapping[Hashable, Iterable[RRef]], store: Store
) -> tuple[dict[Hashable, Usage], Usage]:
    """What each group of realizations takes, and all of them together.

    What has gone meanwhile takes nothing.
    """
    rrefs = {name: tuple(group) for name, group in groups.items()}
    found = {name: _inodes(group, store) for name, group in rrefs.items()}
    everything: dict[_Key, _Inode] = {}
    for inodes in found.values():
        for key, inode in inodes.items():
            everything.setdefault(key, _Inode(inode.size, inode.links)).seen += inode.seen
    each = {name: _usage(rrefs[name], inodes) for name, inodes in found.items()}
    return each, _usage(tuple(rref for group in rrefs.values() for rref in group), everything)


def _usage(rrefs: tuple[RRef, ...], inodes: Mapping[_Key, _Inode]) -> Usage:
    return Usage(
        rrefs,
        sum(inode.seen for inode in inodes.values()),
        sum(inode.size * inode.seen for inode in inodes.values()),
        sum(inode.size for inode in inodes.values()),
        sum(inode.size for inode in inodes.values() if inode.links > inode.seen),
    )


def _inodes(rrefs: Iterable[RRef], store: Store) -> dict[_Key, _Inode]:
    inodes: dict[_Key, _Inode] = {}
    for rref in rrefs:
        _count(store.layout.out(rref), inodes)
    return inodes


def _count(out: str, inodes: dict[_Key, _Inode]) -> None:
    try:
        for step in walk(out):
            status = step.status
            if stat.S_ISREG(status.st_mode):
                key = (status.st_dev, status.st_ino)
                inodes.setdefault(key, _Inode(status.st_size, status.st_nlink)).seen += 1
    except FileNotFoundError:
        return  # it was removed just now
