"""Reading: the file in which an attempt, and every process that it forks, notes what it reads.

RL1  It is open to append, and its lines are written at once: children and threads share it.
RL2  A file that is torn, lost, or of before a restart of the machine says that nothing is known.
RL3  A read that cannot be noted is an error where it is made: it is never passed over.
"""

import errno
import json
import os
from functools import lru_cache
from pathlib import Path

from ..core.errors import Corrupted
from . import disk, tree
from .descriptors import Kept, Opened

NAME = "reads"  # beside `out/`, in a staging
SUFFIX = ".reads"  # beside the scratch of an attempt
CHANGED = ""  # the digest of what was seen twice, and differed; no other is equal

_FLAGS = os.O_RDWR | os.O_APPEND


class Reading:
    """What the tries of one attempt have read."""

    def __init__(self, path: str, *, known: bool = True) -> None:
        self.path = path
        self._noted: set[tuple[str, str]] = set()  # by this process
        self._known = known  # whether nothing was read before this file began
        # A realizer may close all that is open, and open others.
        self._file = Kept(path, _FLAGS | os.O_CREAT, mode=0o600)
        self._ended = False

    def note(self, key: str, digest: str) -> None:
        """Notes a read, once; does nothing after the end of the attempt. Raises OSError."""
        if (key, digest) in self._noted or self._ended:
            return
        line = json.dumps([key, digest], separators=(",", ":")).encode() + b"\n"
        self._write(line)
        self._noted.add((key, digest))

    def _write(self, line: bytes) -> None:
        is_open = self._file.status is not None
        written = os.write(self._file.number, line) if is_open else self._write_anew(line)
        if written < len(line):  # the rest on its own would be a line, too
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)

    def _write_anew(self, line: bytes) -> int:
        try:
            file = Opened(self.path, _FLAGS)
        except FileNotFoundError:
            return len(line)  # the attempt is over; or nothing is known of what it has read (RL2)
        with file as descriptor:
            return os.write(descriptor, line)

    def found(self) -> dict[str, str] | None:
        """What all have noted until now; None where that is not known (RL2)."""
        try:
            text = disk.read(self.path)
        except (FileNotFoundError, Corrupted):
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
        """Moves it beside a scratch, where the next try finds it."""
        self._write(json.dumps([_BOOT, _boot()]).encode() + b"\n")
        os.rename(self.path, path)
        self.path = path

    def close(self) -> None:
        """Closes it here, and leaves it where it is."""
        self._ended = True
        self._file.close()


_BOOT = "boot"


def taken_over(path: str) -> Reading:
    """What the tries before have left beside their scratch, to go on with."""
    try:
        lines = disk.read(path).splitlines()
    except FileNotFoundError:
        lines = []
    except Corrupted:
        lines = []
        tree.remove(Path(path))  # what is in its place is not ours
    # A power cut may have taken its last lines, and left the checkpoints.
    ours = bool(_boot()) and json.dumps([_BOOT, _boot()]).encode() in lines
    return Reading(path, known=ours)


@lru_cache(1)
def _boot() -> str:
    """What tells one start of this machine from all others; "" where nothing does."""
    try:
        return disk.read_kernel("/proc/sys/kernel/random/boot_id").decode().strip()
    except OSError:
        return ""
