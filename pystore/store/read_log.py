"""The read log: a file in which an attempt, and each process that it forks, notes its reads.

RL1  It is open to append, and its lines are written at once: children and threads share it.
RL2  A file that is torn, lost, or of before a restart of the machine says that nothing is known.
     A new one is made by the first note, or before a child that may note something is forked.
RL3  A read that cannot be noted is an error where it is made: it is never passed over.
"""

import errno
import json
import os
from functools import lru_cache
from pathlib import Path
from weakref import ref

from ..core.errors import Corrupted
from . import disk, tree
from .descriptors import Kept, Opened

NAME = "reads"  # beside `out/`, in a staging
SUFFIX = ".reads"  # beside the scratch of an attempt
CHANGED = ""  # the digest of what was seen twice, and differed; no other is equal

_FLAGS = os.O_RDWR | os.O_APPEND


class Reading:
    """The reads of one attempt, over all its tries."""

    def __init__(self, path: str, *, known: bool = True, new: bool = False) -> None:
        """With `new`, there is no file yet, and none is made where nothing is noted."""
        self.path = path
        self._noted: set[tuple[str, str]] = set()  # by this process
        self._known = known  # False: reads before this file are lost
        self._file: Kept | None = None
        self._ended = False
        if new:
            _unwritten[id(self)] = ref(self)
        else:
            self.open()

    def open(self) -> Kept:
        """The file, which is made if there is none."""
        if self._file is None:
            # A realizer may close all descriptors, and get their numbers for files of its own.
            self._file = Kept(self.path, _FLAGS | os.O_CREAT, mode=0o600)
            _unwritten.pop(id(self), None)
        return self._file

    def note(self, key: str, digest: str) -> None:
        """Notes a read once, until the end of the attempt. Raises OSError."""
        if (key, digest) in self._noted or self._ended:
            return
        line = json.dumps([key, digest], separators=(",", ":")).encode() + b"\n"
        self._write(line)
        self._noted.add((key, digest))

    def _write(self, line: bytes) -> None:
        file = self.open()
        is_open = file.status is not None
        written = os.write(file.number, line) if is_open else self._write_anew(line)
        if written < len(line):  # the rest, written on its own, would be another line
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)

    def _write_anew(self, line: bytes) -> int:
        try:
            file = Opened(self.path, _FLAGS)
        except FileNotFoundError:
            return len(line)  # the attempt is over; or nothing is known of what it has read (RL2)
        with file as descriptor:
            return os.write(descriptor, line)

    def found(self) -> dict[str, str] | None:
        """The reads that all processes have noted; None where they are not known (RL2)."""
        try:
            text = disk.read(self.path)
        except FileNotFoundError:
            return {} if self._file is None else None
        except Corrupted:
            return None
        reads: dict[str, str] = {}
        for line in text.splitlines(keepends=True):
            try:
                key, digest = json.loads(line)
            except (ValueError, TypeError, RecursionError):
                return None
            if not (line.endswith(b"\n") and type(key) is str and type(digest) is str):
                return None
            if key != _BOOT:
                reads[key] = digest if reads.get(key, digest) == digest else CHANGED
        return reads if self._known else None

    def stay(self, path: str) -> None:
        """Moves the file beside a scratch, where the next try finds it."""
        self._write(json.dumps([_BOOT, boot()]).encode() + b"\n")
        os.rename(self.path, path)
        self.path = path

    def close(self) -> None:
        """Closes the file, and leaves it where it is."""
        self._ended = True
        _unwritten.pop(id(self), None)
        if self._file is not None:
            self._file.close()


_BOOT = "boot"
# A WeakSet calls back when one goes, and would lose what a signal handler raises then.
_unwritten: dict[int, ref[Reading]] = {}  # those without a file


def _before_fork() -> None:
    for key, known in list(_unwritten.items()):
        if (reading := known()) is not None:
            reading.open()
        else:
            _unwritten.pop(key, None)


os.register_at_fork(before=_before_fork)


def taken_over(path: str) -> Reading:
    """The reads of the tries before, whose file lies beside their scratch, to go on with."""
    try:
        lines = disk.read(path).splitlines()
    except FileNotFoundError:
        lines = []
    except Corrupted:
        lines = []
        tree.remove(Path(path))  # something that is not ours is in its place
    # A power cut may have taken the last lines, and left the checkpoints.
    ours = bool(boot()) and json.dumps([_BOOT, boot()]).encode() in lines
    return Reading(path, known=ours)


@lru_cache(1)
def boot() -> str:
    """The id of this start of the machine; "" where the system has none."""
    try:
        return disk.read_kernel("/proc/sys/kernel/random/boot_id").decode().strip()
    except OSError:
        return ""
