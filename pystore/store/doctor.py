"""Doctor: whether the file system of a store does what the store relies on.

The trials run in a new directory in `tmp/`, which is removed again. Locks only save work (S5), so
a file system without them is not broken.
"""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from ..core.dataclasses import dataclass, replace
from ..core.printable import counted
from . import disk, locks, rights, tree
from .attempts import is_record, names
from .descriptors import open_folder
from .layout import FORMAT
from .mounts import SHARED, mounted
from .notes import names_in
from .reader import Reader

State = Literal["fine", "note", "broken"]
Trial = Callable[[Path], "Finding"]

_SCARCE = 1 << 30  # [bytes] of free space: with less there is a note
_SKEW = 5.0  # [s] between the clocks of this machine and of the disk: with more there is a note


@dataclass(frozen=True)
class Finding:
    """The result of one examination."""

    name: str
    state: State
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All that was looked at, and the folder of the store."""

    store: str
    findings: tuple[Finding, ...]

    @property
    def is_broken(self) -> bool:
        """Whether something must be mended."""
        return any(one.state == "broken" for one in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as `pystore doctor --json` prints it."""
        return {"store": self.store, "findings": [asdict(one) for one in self.findings]}


def examine(store: Reader) -> list[Finding]:
    """The findings about a store and its file system."""
    found = [_contents(store), _file_system(store.root), _space(store.root), _access(store)]
    if not os.access(store.parts.tmp, os.W_OK):
        return found
    with _bench(store) as folder:
        return [*found, *(_tried(name, trial, folder) for name, trial in _TRIALS.items())]


@contextmanager
def _bench(store: Reader) -> Iterator[Path]:
    """A new directory for the trials, which gc leaves alone."""
    folder = store.parts.tmp / disk.fresh_name()
    os.mkdir(folder, 0o755)
    with open_folder(folder) as claim:
        try:
            locks.claim(claim, new=True)
        except OSError:
            pass  # the trial of locks says so
        try:
            yield folder
        finally:
            tree.remove(folder)


def _tried(name: str, trial: Trial, folder: Path) -> Finding:
    own = folder / name.replace(" ", "-")
    try:
        os.mkdir(own)
        found = trial(own)
    except OSError as error:
        found = _broken(f"{error.strerror} [{errno.errorcode.get(error.errno or 0, error.errno)}]")
    return replace(found, name=name)


def _broken(what: str) -> Finding:
    return Finding("", "broken", what, "put the store on another file system")


def _fine(what: str) -> Finding:
    return Finding("", "fine", what)


def _note(what: str, remedy: str) -> Finding:
    return Finding("", "note", what, remedy)


# --- what is tried ---------------------------------------------------------------------


def _links(folder: Path) -> Finding:
    (folder / "a").write_bytes(b"x")
    os.link(folder / "a", folder / "b")
    try:
        os.link(folder / "a", folder / "b")
    except FileExistsError:
        return _fine("work, and replace nothing")
    return _broken("a link replaced a file that was there")


def _symlinks(folder: Path) -> Finding:
    os.symlink("nowhere", folder / "a")
    return _fine("work") if os.readlink(folder / "a") == "nowhere" else _broken("lead elsewhere")


def _exclusive(folder: Path) -> Finding:
    disk.write_new(folder / "a", b"", durable=False)
    try:
        disk.write_new(folder / "a", b"", durable=False)
    except FileExistsError:
        return _fine("is exclusive where it should be")
    return _broken("a file that was there was created again")


def _rename(folder: Path) -> Finding:
    for name in ("from", "there"):
        os.makedirs(folder / name / "out")
        os.chmod(folder / name / "out", 0o555)
    os.mkdir(folder / "inner")
    try:
        os.rename(folder / "from", folder / "there")
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        os.rename(folder / "from", folder / "inner" / "to")
        return _fine("moves sealed directories, and replaces nothing")
    return _broken("a directory replaced one that was there")


def _flush(folder: Path) -> Finding:
    start = time.perf_counter()
    disk.write_new(folder / "a", b"x" * 4096, durable=True)
    disk.sync_directory(folder)
    return _fine(f"a file and its directory in {(time.perf_counter() - start) * 1000:.1f} ms")


def _modes(folder: Path) -> Finding:
    disk.write_new(folder / "a", b"", durable=False, mode=0o444)
    mode = os.stat(folder / "a").st_mode & 0o777
    if mode == 0o444:
        return _fine("files can be sealed")
    return _note(f"0444 became {mode:04o}", "results are not protected from being written to")


def _locks(folder: Path) -> Finding:
    without = "it is safe, and work may be done twice when several processes want the same"
    with open_folder(folder) as first, open_folder(folder) as second:
        try:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _fine("flock works")
        except OSError as error:
            return _note(f"flock: {error.strerror}", without)
    return _note("flock locks nothing", without)


def _clock(folder: Path) -> Finding:
    disk.write_new(folder / "a", b"", durable=False)
    skew = os.stat(folder / "a").st_mtime - time.time()
    if abs(skew) <= _SKEW:
        return _fine("agrees with the disk's")
    where = "ahead of" if skew > 0 else "behind"
    what = f"the disk's is {abs(skew):.0f} s {where} ours"
    return _note(what, "set both by NTP; `log` tells times")


def _file_names(folder: Path) -> Finding:
    (folder / "A").write_bytes(b"")
    (folder / "\u00e9").write_bytes(b"")
    if (folder / "a").exists():
        what = "names that differ only in case are one"
    elif "\u00e9" not in os.listdir(folder):
        what = "names with accents are changed"
    else:
        return _fine("are kept as they are, upper and lower case apart")
    return _note(what, "outputs with such names cannot be kept here")


_TRIALS: dict[str, Trial] = {
    "creation": _exclusive,
    "rename": _rename,
    "hard links": _links,
    "symlinks": _symlinks,
    "fsync": _flush,
    "locks": _locks,
    "modes": _modes,
    "file names": _file_names,
    "clock": _clock,
}


# --- what is looked at -----------------------------------------------------------------


def _contents(store: Reader) -> Finding:
    below, store = store.parts.layout.below, store.own
    drefs = store.drefs()
    realizations = sum(len(store.realizations(dref)) for dref in drefs)
    beside = [name for dref in drefs for name in names(store.parts.layout.attempts(dref))]
    ended = sum(map(is_record, beside))
    counts = {"derivation": len(drefs), "realization": realizations, "attempt": ended}
    counts |= {"note": noted} if (noted := len(names_in(beside))) else {}
    what = ", ".join(counted(number, noun) for noun, number in counts.items())
    under = f"; below it {below.root}" if below else ""
    seeds = "; seeds of its own" if store.parts.salt else ""
    return Finding("store", "fine", f"format {FORMAT}{seeds}; {what}{under}")


def _file_system(root: Path) -> Finding:
    kind, place = mounted(root)
    if not kind:
        return Finding("file system", "note", "its type is not known on this system")
    what = f"{kind}, mounted on {place}"
    if kind in SHARED:
        remedy = "several machines may build in it; collect garbage on one of them"
        return Finding("file system", "note", what, remedy)
    return Finding("file system", "fine", what)


def _space(root: Path) -> Finding:
    free, status = shutil.disk_usage(root).free, os.statvfs(root)
    what = f"{free / 1e9:.1f} GB free" if free >= 1e9 else f"{free / 1e6:.1f} MB free"
    if status.f_files and status.f_favail < 10_000:
        what += f", for {status.f_favail} files"
    scarce = free < _SCARCE or (status.f_files and status.f_favail < 10_000)
    if not scarce:
        return Finding("space", "fine", what)
    return Finding("space", "note", what, "`pystore gc` says what could go")


def _access(store: Reader) -> Finding:
    status = store.root.stat()
    mode = f"mode {status.st_mode & 0o777:04o}, of user {status.st_uid}"
    if not os.access(store.parts.tmp, os.W_OK):
        what = f"{mode}: it cannot be written by us"
        remedy = "what it has can be used; nothing can be built in it"
        return Finding("access", "note", what, remedy)
    if rights.shared(store.root) and not status.st_mode & 0o002:
        group = rights.group_of(store.root)
        return Finding("access", "fine", f"{mode}, shared with the group {group}")
    if status.st_mode & 0o022:
        what = f"{mode}: others can write to it"
        return Finding("access", "note", what, "chmod go-w, or ask why")
    return Finding("access", "fine", mode)
