"""Touched inputs: whether a stage has changed the files of its inputs.

Sealed files do not stop root. When an attempt ends, each file of an input that has a later time
than the start of the attempt is compared with the manifest.
"""

from __future__ import annotations

import os
import stat
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import BuildError, Corrupted, PystoreWarning, UnkeepableOutput
from ..core.manifest import MANIFEST, Manifest, encode_name
from ..core.printable import listed
from ..core.refs import RRef
from . import disk, rights, tree, verdicts
from .layout import Layout
from .parts import Parts
from .staging import Staging
from .walk import walk


def refuse(parts: Parts, staged: Staging) -> None:
    """Raises BuildError when an input was changed during the attempt; the input is then damaged."""
    changed = _mark(parts, staged)
    for rref, names in changed.items():
        raise BuildError(
            "an input was changed while the stage ran",
            input=rref,
            changed=listed(names),
            inputs=len(changed) if len(changed) > 1 else None,
            remedy="let the stage write into a copy; run it again: the input is built anew first",
        )


def warn(parts: Parts, staged: Staging) -> None:
    """Warns of inputs that were changed during a failed attempt."""
    for rref, names in _mark(parts, staged).items():
        warnings.warn(
            f"{rref} was changed while {staged.dref} ran that has it as an input, and is built "
            f"anew before it is used again: {listed(names)}",
            PystoreWarning,
            stacklevel=3,
        )


def _mark(parts: Parts, staged: Staging) -> dict[RRef, list[str]]:
    """Marks the changed inputs as damaged. Returns the names of their changed files."""
    layout, found = parts.layout, {}
    for rref in {rref for rrefs in staged.context.values() for rref in rrefs}:
        holder = layout.holder(rref)
        folder = holder.attempts(rref.dref)
        if not os.access(holder.out(rref), os.W_OK):
            continue  # its modes kept the stage from writing
        if verdicts.stands(folder, rref, "damaged"):
            continue
        names = sorted(_changed(holder, rref, _start(layout, staged)))
        if not names:
            continue
        found[rref] = names
        if holder is layout:  # nothing is written to the store below
            facts = {"what": [f"{name}: changed" for name in names[:20]], "at": time.time_ns()}
            with parts.session.open_gate():
                rights.ensure_folder(folder)
                verdicts.put(folder, rref, "damaged", facts, layout.tmp)
    return found


def _start(layout: Layout, staged: Staging) -> int:
    """The start of the attempt by the clock of the disk [ns since the epoch, UTC]."""
    begin = layout.beside(staged.dref, staged.context.digest, staged.claim.number, "begin")
    try:
        return os.stat(begin).st_mtime_ns
    except FileNotFoundError:
        return 0  # deleted by hand: all files are compared


def _changed(layout: Layout, rref: RRef, since: int) -> Iterator[str]:
    """The names of files that differ from the manifest. Compares only if a file is newer."""
    out = Path(layout.out(rref))
    newer: set[bytes] = set()
    paths: set[bytes] = set()
    folders = os.lstat(out).st_ctime_ns >= since  # `>=`: the clock of a disk ticks every 4 ms only
    for step in walk(out):
        new = step.status.st_ctime_ns >= since
        if step.is_directory:
            folders = folders or new
            if not step.leaving or not step.empty:
                continue
        elif new:
            newer.add(step.path)
        paths.add(step.path)
    if not newer and not folders:
        return
    try:
        wanted = Manifest.parse(disk.read(layout.realization(rref) + f"/{MANIFEST}"))
        yield from _compared(out, wanted, paths, newer)
    except (FileNotFoundError, Corrupted, UnkeepableOutput):
        yield MANIFEST


def _compared(out: Path, wanted: Manifest, paths: set[bytes], newer: set[bytes]) -> Iterator[str]:
    entries = {entry.path: entry for entry in wanted.entries}
    for path in entries.keys() ^ paths:
        yield encode_name(path)
    for path in entries.keys() & newer:
        if tree.entry_at(out, path) != entries[path] or _is_open(out / os.fsdecode(path)):
            yield encode_name(path)


def _is_open(path: Path) -> bool:
    mode = os.lstat(path).st_mode
    return not stat.S_ISLNK(mode) and bool(mode & 0o7222)
