"""Open files: descriptors and mappings through which a process could still change an output.

A thread that lives on is normal (tqdm, joblib and TensorBoard leave some). An open file is not: a
process that has it open can write into a sealed file. Files are compared by device and inode, for a
process may know a file by another path, or by none. Sources: proc(5), F_SETLEASE in fcntl(2).
"""

import fcntl
import gc
import os
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
    """Raises UnkeepableOutput when any process can still write to a file below `out`.

    The tree must have been checked, so that we can read its directories.
    """
    is_open, unknown = _open_below(out)
    if not is_open and not unknown:
        return
    gc.collect()  # closes files that were dropped in a reference cycle
    # The kernel tells whether any process has a file open, but not which one. Where it cannot tell,
    # the processes of this attempt are looked at one by one.
    among = filter(str.isdecimal, os.listdir("/proc")) if is_open else _family()
    found = list(_writers({**unknown, **is_open}, among))
    if not found and is_open and not mounts.is_shared(out):
        unseen = "(in a process that we cannot see)"
        found = [f"{encode_name(name)!r} {unseen}" for name in _open_below(out)[0].values()]
    if found:
        raise UnkeepableOutput(
            "a file of the output is still open for writing",
            open=listed(found, "; "),
            remedy="close it (with open(…) as f: …) and end what writes in the background, "
            "before the realizer returns",
        )


def _open_below(out: Path) -> tuple[Files, Files]:
    """The files below `out` that are open for writing, and those that may be."""
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
    """Whether a process has opened or mapped a file to write to it; None if not known."""
    if sys.platform != "linux":
        return None
    import signal  # for its weight

    try:
        opened = open_file(step.name, step.folder, follow=False)
    except (PermissionError, Irregular):
        return None  # sealing gives us the right to read it
    with opened as file:  # closing it gives up the lease
        try:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # harmless, if one opens it now
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            return False
        except BlockingIOError:
            return True  # NFS says so of any file
        except OSError:
            return None  # there are no such leases, or it is another user's file


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
        same_name = os.path.basename(fields[5]) == os.path.basename(name)
        if same_name or os.makedev(major, minor) == device:
            yield _described(name, process, "mapped")


def _described(name: bytes, process: str, how: str = "open") -> str:
    pid = os.getpid() if process == "self" else process
    return f"{encode_name(name)!r} ({how} in process {pid})"


def _read(path: str) -> bytes:
    try:
        return disk.read_kernel(path)
    except _GONE:
        return b""
