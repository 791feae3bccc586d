"""Usage: the bytes that realizations take on the disk, and how many of them they share.

Files with the same bytes may be one file on the disk, under several names.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ...core.dataclasses import dataclass
from ...core.refs import DRef, RRef
from ...store.shared_files import DiskFile, Inode
from ...store.store import Store

By = Literal["name", "derivation", "realization"]


@dataclass(frozen=True)
class Usage:
    """The bytes of some realizations together; removing them frees `disk` - `shared`."""

    of: str  # a name, a dref, or an rref; "" for everything
    rrefs: tuple[RRef, ...]
    files: int
    size: int  # [bytes] of all files
    disk: int  # [bytes] each file on the disk counted once
    shared: int  # [bytes] of `disk` that other realizations have too

    def to_dict(self) -> dict[str, Any]:
        """The usage as `pystore du --json` prints it.

        `name`, `dref` or `rref`; `realizations`, `files`; `size`, `disk` and `shared` in bytes.
        """
        of = self.of
        kind = "dref" if isinstance(of, DRef) else "rref" if isinstance(of, RRef) else "name"
        numbers = {name: getattr(self, name) for name in ("files", "size", "disk", "shared")}
        return {kind: of, "realizations": len(self.rrefs), **numbers}


@dataclass
class _File:
    size: int
    links: int  # its names in realizations
    seen: int = 0  # those of its names that are counted here


def usage(rrefs: Iterable[RRef], by: By, store: Store) -> tuple[list[Usage], Usage]:
    """The usage of each group of realizations, the smallest first, and of all of them together.

    A realization that was removed meanwhile takes nothing.
    """
    groups: dict[str, list[RRef]] = {}
    for rref in rrefs:
        key = {"name": rref.name, "derivation": rref.dref, "realization": rref}[by]
        groups.setdefault(key, []).append(rref)
    every = [rref for group in groups.values() for rref in group]
    files = store.disk_files(every)
    found = [
        _usage(key, group, _by_inode(file for rref in group for file in files[rref]))
        for key, group in groups.items()
    ]
    total = _usage("", every, _by_inode(file for several in files.values() for file in several))
    return sorted(found, key=lambda one: (one.size, one.of)), total


def _usage(of: str, rrefs: Iterable[RRef], files: Mapping[Inode, _File]) -> Usage:
    return Usage(
        of,
        tuple(rrefs),
        sum(file.seen for file in files.values()),
        sum(file.size * file.seen for file in files.values()),
        sum(file.size for file in files.values()),
        sum(file.size for file in files.values() if file.links > file.seen),
    )


def _by_inode(files: Iterable[DiskFile]) -> dict[Inode, _File]:
    found: dict[Inode, _File] = {}
    for file in files:
        found.setdefault(file.inode, _File(file.size, file.links)).seen += 1
    return found
