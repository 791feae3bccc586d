"""Usage: the bytes that realizations take on the disk, and how many of them they share.

Files with the same bytes may be one file on the disk, under several names.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from ...core.dataclasses import dataclass, replace
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
    failed: int = 0  # [bytes] beside these, in folders that failed attempts have left

    def to_dict(self) -> dict[str, Any]:
        """The usage as `pystore du --json` prints it.

        `name`, `dref` or `rref`; `realizations`, `files`; `size`, `disk`, `shared` and `failed` in
        bytes.
        """
        of = self.of
        kind = "dref" if isinstance(of, DRef) else "rref" if isinstance(of, RRef) else "name"
        counts = ("files", "size", "disk", "shared", "failed")
        numbers = {name: getattr(self, name) for name in counts}
        return {kind: of, "realizations": len(self.rrefs), **numbers}


@dataclass
class _File:
    size: int
    links: int  # its names in realizations
    seen: int = 0  # those of its names that are counted here


def usage(refs: Iterable[DRef | RRef], by: By, store: Store) -> tuple[list[Usage], Usage]:
    """The usage of each group of realizations, the smallest first, and of all of them together.

    Of a derivation, of all its realizations, and of the folders that its failed attempts have left.
    A realization that was removed meanwhile takes nothing.
    """
    given = list(dict.fromkeys(refs))
    lists = ([ref] if isinstance(ref, RRef) else store.realizations(ref) for ref in given)
    groups: dict[str, list[RRef]] = {}
    failed = {} if by == "realization" else _failed(given, by, store)
    for key in failed:
        groups[key] = []
    for rref in dict.fromkeys(rref for rrefs in lists for rref in rrefs):
        key = {"name": rref.name, "derivation": rref.dref, "realization": rref}[by]
        groups.setdefault(key, []).append(rref)
    every = [rref for group in groups.values() for rref in group]
    files = store.disk_files(every)
    found = [
        _usage(key, group, _by_inode(file for rref in group for file in files[rref]))
        for key, group in groups.items()
    ]
    found = [replace(one, failed=failed.get(one.of, 0)) for one in found]
    total = _usage("", every, _by_inode(file for several in files.values() for file in several))
    total = replace(total, failed=sum(_failed(given, "name", store).values()))
    return sorted(found, key=lambda one: (one.size, one.of)), total


def _failed(refs: Iterable[DRef | RRef], by: By, store: Store) -> dict[str, int]:
    """The bytes that failed attempts of these derivations have left, of each group."""
    drefs = {ref for ref in refs if isinstance(ref, DRef)}
    found: dict[str, int] = {}
    for dref, path in store.failed_stagings():
        if dref in drefs:
            key = dref.name if by == "name" else dref
            found[key] = found.get(key, 0) + _bytes_in(path)
    return found


def _bytes_in(folder: Path) -> int:
    """The bytes of all files in a folder."""
    total = 0
    for home, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # it was removed just now
                total += os.lstat(os.path.join(home, name)).st_size
    return total


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
