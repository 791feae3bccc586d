"""Usage: how much room realizations take, and how much of it they share.

Files with the same bytes may be one file on the disk, under several names.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from ...core.refs import RRef
from ...store.shared_files import DiskFile, Inode
from ...store.store import Store


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
    files = store.disk_files(rref for group in rrefs.values() for rref in group)
    found = {
        name: _inodes(file for rref in group for file in files[rref])
        for name, group in rrefs.items()
    }
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


def _inodes(files: Iterable[DiskFile]) -> dict[Inode, _File]:
    inodes: dict[Inode, _File] = {}
    for file in files:
        inodes.setdefault(file.inode, _File(file.size, file.links)).seen += 1
    return inodes
