"""Live files: each lists the realizations that one living process uses, for gc to read (S9).

LF1  A line that is added or removed touches no other line, whatever interrupts the write.
LF2  The file is as long as the most realizations that were in it at one time.

The file lies in `tmp/`, and its process locks it for as long as it lives.
"""

import errno
import os
from collections.abc import Callable, Collection, Iterable
from itertools import count
from pathlib import Path

from ..core.errors import Corrupted
from ..core.refs import RRef
from . import disk, locks, rights
from .layout import well_formed

PREFIX = "live-"

_SLOT = 256  # [bytes] for one line: a reference has at most 199


class LiveFile:
    """The live file of this process.

    Each realization has a slot of its own, and a slot that is free is used again. All bookkeeping
    is single calls of C's, so that threads and signal handlers need no lock (see in_use.py).
    """

    def __init__(self, tmp: Path) -> None:
        self.path = tmp / (PREFIX + disk.fresh_name())
        self.pid = os.getpid()
        self._slots: dict[RRef, int] = {}
        self._free: list[int] = []
        self._unused = count()
        # The other users of the store read it, to know what must stay.
        self._file = rights.open_file(self.path, os.O_WRONLY | os.O_EXCL)
        try:
            locks.claim(self._file.number, new=True)
        except BaseException:
            self.end()
            raise

    def __contains__(self, rref: RRef) -> bool:
        return rref in self._slots

    @property
    def stands(self) -> bool:
        """Whether gc can find the file, and sees that its process lives.

        Someone may have deleted it, or closed our descriptor and got its number for another file.
        """
        status = self._file.status
        return status is not None and status.st_nlink > 0 and self.pid == os.getpid()

    def add(self, rrefs: Iterable[RRef]) -> None:
        """Writes a line for each of these that has none."""
        for rref in rrefs:
            if rref in self._slots:
                continue
            slot = self._take_slot()
            self._write(slot, rref)  # an interruption here leaves a line too many, and no harm
            if self._slots.setdefault(rref, slot) != slot:
                self._clear(slot)  # another thread was quicker

    def remove(self, rref: RRef, is_held: Callable[[RRef], bool]) -> None:
        """Removes the line of a realization, unless somebody holds it again by now.

        Who holds something counts it as held first, and then looks whether it has a line.
        """
        slot = self._slots.pop(rref, None)
        if slot is None or not self.stands:
            return
        # Whoever saw the line has been counted by now; whoever comes later writes another one.
        if is_held(rref) and self._slots.setdefault(rref, slot) == slot:
            return
        self._clear(slot)

    def end(self) -> None:
        """Removes the file, unless it is that of the process that forked this one."""
        if self.pid != os.getpid():
            return
        try:
            disk.remove_file(self.path)
        except OSError:
            pass  # gc removes it
        finally:
            self._file.close()

    def _take_slot(self) -> int:
        try:
            return self._free.pop()
        except IndexError:
            return next(self._unused)

    def _clear(self, slot: int) -> None:
        self._write(slot, "")
        self._free.append(slot)

    def _write(self, slot: int, text: str) -> None:
        # The first newline ends what a full disk may have torn.
        line = f"\n{text}".encode().ljust(_SLOT, b"\n")
        if os.pwrite(self._file.number, line, slot * _SLOT) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))


def used(tmp: Path, without: Collection[str] = ()) -> set[RRef]:
    """The realizations that living processes use; call it with the gate closed.

    `without` names the live files that do not count.
    """
    found: set[RRef] = set()
    for path in sorted(tmp.glob(PREFIX + "*")):
        if path.name in without or not locks.in_use(path):
            continue
        try:
            found.update(well_formed(RRef, disk.read(path).decode("ascii", "replace").split()))
        except FileNotFoundError:
            continue  # its process has ended meanwhile
        except Corrupted:
            continue  # something else has that name
    return found
