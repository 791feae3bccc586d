"""The audit of fsyncs: replays a trace of calls as a disk that forgets what was not synced.

U1  Before a directory gets its place under `drv/`, every file in it is synced, and every directory
    with names in it.
U2  Before a record names a realization's directory, the record and its name are synced.
U3  When the call returns, every name under `drv/` is synced.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from shim import Call


@dataclass
class Disk:
    """What was changed since it was last synced."""

    drv: str
    dirty: dict[str, str] = field(default_factory=dict)  # path → by what
    found: list[str] = field(default_factory=list)

    def apply(self, call: Call) -> None:
        """Takes note of one call."""
        match call.name:
            case "write" | "truncate":
                self.dirty[call.path] = call.name
            case "fsync":
                self.dirty.pop(call.path, None)
            case "open" if call.creates:
                self.dirty[call.path] = "open"
                self._names(call.path, "open")
            case "mkdir":
                self._names(call.path, "mkdir")
            case "symlink" | "unlink" | "rmdir":
                self._names(call.path, call.name)
                self.dirty.pop(call.path, None)
            case "link":
                self._names(call.other, "link")
                if call.path in self.dirty:
                    self.dirty[call.other] = self.dirty[call.path]
            case "rename":
                self._rename(call.path, call.other)

    def visible(self, path: str) -> bool:
        """Whether it is under `drv/`."""
        return path == self.drv or path.startswith(self.drv + os.sep)

    def _names(self, path: str, what: str) -> None:
        self.dirty[os.path.dirname(path)] = f"{what} {os.path.basename(path)}"

    def _rename(self, old: str, new: str) -> None:
        self.dirty.pop(new, None)
        moved = {p: w for p, w in self.dirty.items() if p == old or p.startswith(old + os.sep)}
        for path, what in moved.items():
            del self.dirty[path]
            self.dirty[new + path[len(old) :]] = what
        if self.visible(new):
            self.found += [f"U1 renamed before a sync: {p} ({w})" for p, w in moved.items()]
            if os.path.basename(os.path.dirname(new)) != "attempts":
                self._records(os.path.dirname(new))
        for path in (old, new):
            self._names(path, "rename")

    def _records(self, home: str) -> None:
        attempts = home + "/attempts"
        if attempts in self.dirty and not self.dirty[attempts].endswith(".begin"):
            self.found.append(f"U2 a realization before its record: {self.dirty[attempts]}")


def _may_be_lost(change: str) -> bool:
    """Whether it is about a claim, or what a running attempt tells: a record replaces them."""
    return ".begin" in change or ".live" in change


def unsynced(calls: list[Call], root: Path) -> list[str]:
    """What a power cut could take although it was promised."""
    disk = Disk(str(root / "drv"))
    for call in calls:
        if not call.failed:
            disk.apply(call)
    left = [(p, w) for p, w in disk.dirty.items() if disk.visible(p) and not _may_be_lost(p + w)]
    return disk.found + [f"U3 never synced: {path} ({what})" for path, what in left]
