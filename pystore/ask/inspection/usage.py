"""Usage: how much room realizations take, and how much of it they share.

Files with the same bytes may be one file on the disk, under several names.
"""

import stat
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from ...core.refs import RRef
from ...store.shared_files import Inode, SharedFiles
from ...store.store import Store
from ...store.walk import walk


@dataclass(frozen=True)
class Usage:
    """What some realizations take together; `disk` - `shared` is what goes when they go."""

    rrefs: tuple[RRef, ...]
    files: int
    size: int  # [bytes] of all files
    disk: int  # [bytes] each file on the disk counted once
    shared: int  # [bytes] of `disk` that have names elsewhere too


@dataclass
class _File:
    size: int
    links: int  # its names, wherever they are; that in the store's index is nobody's
    seen: int = 0  # of these, how many are ours


def usage(
    groups: Mapping[Hashable, Iterable[RRef]], store: Store
) -> tuple[dict[Hashable, Usage], Usage]:
    """What each group of realizations takes, and all of them together.

    What has gone meanwhile takes nothing.
    """
    rrefs = {name: tuple(group) for name, group in groups.items()}
    pooled = {inode for one in store.layout.readable for inode in SharedFiles(one).inodes()}
    found = {name: _inodes(group, store, pooled) for name, group in rrefs.items()}
    everything: dict[Inode, _File] = {}
    for inodes in found.values():
        for key, inode in inodes.items():
            everything.setdefault(key, _File(inode.size, inode.links)).seen += inode.seen
    each = {name: _usage(rrefs[name], inodes) for name, inodes in found.items()}
    return each, _usage(tuple(rref for group in rrefs.values() for rref in group), everything)


def _usage(rrefs: tuple[RRef, ...], inodes: Mapping[Inode, _File]) -> Usage:
    return Usage(
        rrefs,
        sum(inode.seen for inode in inodes.values()),
        sum(inode.size * inode.seen for inode in inodes.values()),
        sum(inode.size for inode in inodes.values()),
        sum(inode.size for inode in inodes.values() if inode.links > inode.seen),
    )


def _inodes(rrefs: Iterable[RRef], store: Store, pooled: set[Inode]) -> dict[Inode, _File]:
    inodes: dict[Inode, _File] = {}
    for rref in rrefs:
        _count(store.layout.holder(rref).out(rref), inodes)
    for inode in inodes.keys() & pooled:
        inodes[inode].links -= 1
    return inodes


def _count(out: str, inodes: dict[Inode, _File]) -> None:
    try:
        for step in walk(out):
            status = step.status
            if stat.S_ISREG(status.st_mode):
                key = (status.st_dev, status.st_ino)
                inodes.setdefault(key, _File(status.st_size, status.st_nlink)).seen += 1
    except FileNotFoundError:
        return  # it was removed just now
