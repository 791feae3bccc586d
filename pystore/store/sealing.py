"""Sealing: gives a tree of artifacts its final modes, and hashes and syncs it on the way.

A sealed tree has directories 0555, files 0444, executables 0555. Its manifest was made from the
bytes that were synced (S1, S4).
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from ..core.manifest import Entry, Manifest
from . import syncing, tree
from .descriptors import Opened, open_folder
from .syncing import EACH, Syncing
from .walk import Step, named, open_up, walk

Share = Callable[[Step, Entry, int], bool]  # replaces a file, open as the third, by an equal one


def alone(step: Step, entry: Entry, own: int) -> bool:
    """Leaves each file as it is."""
    return False


def seal(out: Path, *, durable: bool, share: Share = alone) -> Manifest:
    """The manifest of a checked tree, after its modes are canonical and its bytes are synced."""
    return seal_for(out, EACH if durable else syncing.NONE, share)


def seal_for(out: Path, sync: Syncing, share: Share) -> Manifest:
    """The same, where `sync` says what is synced at once, and what at its end."""
    sealing = _Sealing(out, sync, share)
    entries = [entry for step in walk(out) if (entry := sealing.step(step))]
    sealing.folder(open_folder(out), b"")
    return Manifest.of(entries)


class _Sealing:
    """One way through a tree."""

    def __init__(self, out: Path, sync: Syncing, share: Share) -> None:
        self._out, self._sync, self._share = out, sync, share

    def step(self, step: Step) -> Entry | None:
        try:
            if step.leaving:
                self.folder(open_folder(step.name, step.folder), step.path)
            elif stat.S_ISREG(step.status.st_mode):
                return self._file(step)
            elif step.is_directory:
                open_up(step)
            return tree.scan_step(step, {})
        except PermissionError as error:  # it names a descriptor only
            raise named(error, self._out, step.path) from None

    def folder(self, opened: Opened, path: bytes) -> None:
        with opened as folder:
            _strip(folder)
            os.fchmod(folder, 0o555)
            self._sync.folder(folder, path)

    def _file(self, step: Step) -> Entry:
        if not step.status.st_mode & 0o400:
            os.chmod(step.name, 0o600, dir_fd=step.folder)
        opened, status = tree.open_step(step)
        with opened as descriptor:
            executable = _seal_file(descriptor, step.status, status)
            found = tree.hash_file(descriptor, step.path, status.st_size)
            entry = Entry(step.path, "file", executable, *found)
            shared = self._share(step, entry, descriptor)
            if not shared:
                self._sync.file(descriptor, step.path, status)
        if shared:
            opened, status = tree.open_step(step)  # another file has its place now
            with opened as descriptor:
                self._sync.shared(descriptor, step.path)
        return entry


def _seal_file(descriptor: int, before: os.stat_result, status: os.stat_result) -> bool:
    """Gives an open file its mode. Returns whether it is executable, as it was `before`."""
    executable = bool(before.st_mode & 0o100)
    extras = _extras(descriptor)
    # A sealed file may be part of another realization too, and is left as it is.
    if extras:
        os.fchmod(descriptor, 0o600)  # the attributes of a read-only file cannot be removed
        _remove(descriptor, extras)
    if extras or status.st_mode != _canonical(executable):
        os.fchmod(descriptor, stat.S_IMODE(_canonical(executable)))
    return executable


def is_sealed(descriptor: int, executable: bool) -> bool:
    """Whether a file has the mode and the attributes of a sealed one."""
    mode = os.fstat(descriptor).st_mode
    return mode == _canonical(executable) and not _extras(descriptor)


def _canonical(executable: bool) -> int:
    return stat.S_IFREG | (0o555 if executable else 0o444)


def _strip(descriptor: int) -> None:
    """Removes access lists and other extended attributes that we may remove."""
    _remove(descriptor, _extras(descriptor))


def _remove(descriptor: int, names: list[str]) -> None:
    for name in names:
        os.removexattr(descriptor, name)


def _extras(descriptor: int) -> list[str]:
    try:
        names = os.listxattr(descriptor)
    except OSError:
        return []  # a file system without them
    return [name for name in names if name.startswith(("user.", "system.posix_acl"))]
