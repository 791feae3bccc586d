"""Late writers: descriptors and mappings through which somebody could still change an output.

A thread that lives on is normal (tqdm, joblib and TensorBoard leave some); an open file is not:
whoever holds it can write into a sealed file. Sources: proc(5), F_SETLEASE in fcntl(2).
"""

import fcntl
import gc
import os
import signal
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..model.errors import UnkeepableOutput
from ..model.printable import listed
from . import disk
from .walk import Step, walk

_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)  # or another user's


def refuse_writers(out: Path) -> None:
    """Raises UnkeepableOutput when a process can still write below `out`, a daemon's included.

    The tree must have been checked: its directories are open to us.
    """
    told = _told(out)
    if told == {False}:
        return
    gc.collect()  # files that were dropped, not closed, in a reference cycle
    # The kernel says at once whether anybody has a file open, and never who; or it cannot tell,
    # and then those who may have are asked one by one.
    among = filter(str.isdecimal, os.listdir("/proc")) if True in told else _family()
    found = list(_writers(out, among))
    if found:
        raise UnkeepableOutput(
            "a file of the output is still open for writing",
            open=listed(found, "; "),
            remedy="close it (with open(…) as f: …) and end what writes in the background, "
            "before the realizer returns",
        )


def _told(out: Path) -> set[bool | None]:
    """Whether files below `out` are open for writing, as far as the kernel can tell."""
    if sys.platform != "linux":
        return {None}
    files = (step for step in walk(out) if stat.S_ISREG(step.status.st_mode))
    return {_is_open(step) for step in files} or {False}


def _is_open(step: Step) -> bool | None:
    """Whether somebody has a file open for writing, or has mapped it so; None if not known."""
    try:
        file = os.open(step.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=step.folder)
    except PermissionError:
        return None  # it is opened to us when it is sealed
    try:
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # if one opens it now: harmless
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        return False
    except BlockingIOError:
        return True  # NFS says so of any file
    except OSError:
        return None  # no such leases there, or another user's file
    finally:
        os.close(file)  # which gives up the lease


def _writers(out: Path, processes: Iterable[str]) -> Iterator[str]:
    prefix = os.fsencode(out) + b"/"
    for process in processes:
        yield from _open_files(process, prefix)
        yield from _mappings(process, prefix)


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


def _open_files(process: str, prefix: bytes) -> Iterator[str]:
    folder = f"/proc/{process}/fd"
    try:
        descriptors = os.listdir(folder)
    except _GONE:
        return
    for descriptor in descriptors:
        try:
            target = os.readlink(os.fsencode(f"{folder}/{descriptor}"))
        except _GONE:
            continue
        if target.startswith(prefix) and _writable(process, descriptor):
            yield _described(target[len(prefix) :], process)


def _writable(process: str, descriptor: str) -> bool:
    for line in _read(f"/proc/{process}/fdinfo/{descriptor}").splitlines():
        if line.startswith(b"flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def _mappings(process: str, prefix: bytes) -> Iterator[str]:
    maps = _read(f"/proc/{process}/maps")
    if prefix not in maps:
        return
    for line in maps.splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith(prefix) and fields[1][1:4:2] == b"ws":
            yield _described(fields[5][len(prefix) :], process, "mapped")


def _described(name: bytes, process: str, how: str = "open") -> str:
    pid = os.getpid() if process == "self" else process
    return f"{os.fsdecode(name)!r} ({how} in process {pid})"


def _read(path: str) -> bytes:
    try:
        return disk.read_kernel(path)
    except _GONE:
        return b""
