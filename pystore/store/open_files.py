"""Late writers: descriptors and mappings through which somebody could still change an output.

A thread that lives on is normal (tqdm, joblib and TensorBoard leave some); an open file is not:
whoever holds it can write into a sealed file. Files are compared by device and inode: a process
may know one by another path, or by none. Sources: proc(5), F_SETLEASE in fcntl(2).
"""

import fcntl
import gc
import os
import signal
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core.errors import UnkeepableOutput
from ..core.manifest import encode_name
from ..core.printable import listed
from . import disk, mounts
from .descriptors import Irregular, open_file
from .walk import Step, walk

_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)  # or another user's

Files = dict[tuple[int, int], bytes]  # device, inode → path in the output


def refuse_writers(out: Path) -> None:
    """Raises UnkeepableOutput when a process can still write below `out`, a daemon's included.

    The tree must have been checked: its directories are open to us.
    """
    is_open, unknown = _told(out)
    if not is_open and not unknown:
        return
    gc.collect()  # files that were dropped, not closed, in a reference cycle
    # The kernel says at once whether anybody has a file open, and never who; or it cannot tell,
    # and then those who may have are asked one by one.
    among = filter(str.isdecimal, os.listdir("/proc")) if is_open else _family()
    found = list(_writers({**unknown, **is_open}, among))
    if not found and is_open and not mounts.is_shared(out):
        still, _ = _told(out)
        found = [
            f"{encode_name(name)!r} (in a process that we cannot see)" for name in still.values()
        ]
    if found:
        raise UnkeepableOutput(
            "a file of the output is still open for writing",
            open=listed(found, "; "),
            remedy="close it (with open(…) as f: …) and end what writes in the background, "
            "before the realizer returns",
        )


def _told(out: Path) -> tuple[Files, Files]:
    """The files below `out` that are open for writing, and those of which nobody can tell."""
    is_open: Files = {}
    unknown: Files = {}
    for step in walk(out):
        if stat.S_ISREG(step.status.st_mode):
            told = _is_open(step)
            if told is not False:
                place = is_open if told else unknown
                place[step.status.st_dev, step.status.st_ino] = step.path
    return is_open, unknown


def _is_open(step: Step) -> bool | None:
    """Whether somebody has a file open for writing, or has mapped it so; None if not known."""
    if sys.platform != "linux":
        return None
    try:
        opened = open_file(step.name, step.folder, follow=False)
    except (PermissionError, Irregular):
        return None  # it is opened to us when it is sealed
    with opened as file:  # whose end gives up the lease
        try:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # if one opens it now: harmless
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            return False
        except BlockingIOError:
            return True  # NFS says so of any file
        except OSError:
            return None  # no such leases there, or another user's file


def _writers(files: Files, processes: Iterable[str]) -> Iterator[str]:
    for process in processes:
        yield from _open_files(process, files)
        yield from _mappings(process, files)


def _family() -> list[str]:
    family = ["self"]
    for process in family:
        try:
            tasks = os.listdir(f"/proc/{process}/task")
        except FileNotFoundError:
            continue  # it has ended, or there is no /proc here
        for task in tasks:
            family += _read(f"/proc/{process}/task/{task}/children").decode().split()
    return family


def _open_files(process: str, files: Files) -> Iterator[str]:
    folder = f"/proc/{process}/fd"
    try:
        descriptors = os.listdir(folder)
    except _GONE:
        return
    for descriptor in descriptors:
        try:
            status = os.stat(f"{folder}/{descriptor}")
        except OSError:
            continue  # it was closed meanwhile, or is on a file system that does not answer
        name = files.get((status.st_dev, status.st_ino))
        if name is not None and _writable(process, descriptor):
            yield _described(name, process)


def _writable(process: str, descriptor: str) -> bool:
    for line in _read(f"/proc/{process}/fdinfo/{descriptor}").splitlines():
        if line.startswith(b"flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def _mappings(process: str, files: Files) -> Iterator[str]:
    inodes = {inode: (device, name) for (device, inode), name in files.items()}
    for line in _read(f"/proc/{process}/maps").splitlines():
        fields = line.split(maxsplit=5)  # 7f2c…-7f2d… rw-s 00000000 fd:00 1234 /path
        if len(fields) < 6 or fields[1][1:4:2] != b"ws" or int(fields[4]) not in inodes:
            continue
        device, name = inodes[int(fields[4])]
        major, minor = (int(part, 16) for part in fields[3].split(b":"))
        # btrfs and overlayfs give mappings another device than files have.
        if os.makedev(major, minor) == device or os.path.basename(fields[5]) == os.path.basename(
            name
        ):
            yield _described(name, process, "mapped")


def _described(name: bytes, process: str, how: str = "open") -> str:
    pid = os.getpid() if process == "self" else process
    return f"{encode_name(name)!r} ({how} in process {pid})"


def _read(path: str) -> bytes:
    try:
        return disk.read_kernel(path)
    except _GONE:
        return b""
