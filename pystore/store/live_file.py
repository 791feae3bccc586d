"""Live files: each lists the realizations that one living process uses, for gc to read (S9).

LF1  A line that is added or removed touches no other line, whatever interrupts the write.
LF2  The length of the file follows the largest number of lines that it had at one time.

The file lies in `tmp/`, and its process locks it for as long as it lives.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable
from itertools import count
from pathlib import Path

from ..core.refs import RRef
from . import disk, locks, rights
from .descriptors import Irregular
from .layout import well_formed

PREFIX = "live-"

_SLOT = 256  # [bytes] for one line: a reference has at most 199


class LiveFile:
    """The live file of this process.

    Each realization has a slot of its own, and a free slot is used again. Each step of the
    bookkeeping is one call of a C function, so that no lock is needed (see in_use.py).
    """

    def __init__(self, tmp: Path) -> None:
        self.pid = os.getpid()
        host = re.sub(r"[^A-Za-z0-9.-]", "_", os.uname().nodename)[:64]
        self.path = tmp / f"{PREFIX}{disk.fresh_name()}-{self.pid}-{host}"
        self._slots: dict[RRef, int] = {}
        self._free: list[int] = []
        self._unused = count()
        # The gc of other users of the store must be able to read it.
        self._file = rights.open_file(self.path, os.O_WRONLY | os.O_EXCL)
        try:
            locks.claim(self._file.number, new=True)
        except BaseException:
            self.end()
            raise

    def has(self, rrefs: Iterable[RRef]) -> bool:
        """Whether each of these realizations has a line."""
        return all(map(self._slots.__contains__, rrefs))

    @property
    def stands(self) -> bool:
        """Whether gc can find the file, and sees that its process lives.

        Somebody may have deleted it; or has closed our descriptor, whose number is another file's.
        """
        status = self._file.status
        return status is not None and status.st_nlink > 0 and self.pid == os.getpid()

    def add(self, rrefs: Iterable[RRef]) -> None:
        """Writes a line for each of these realizations that has none."""
        for rref in rrefs:
            if rref in self._slots:
                continue
            slot = self._take_slot()
            self._write(slot, rref)  # an interruption here leaves a line too many, and no harm
            if self._slots.setdefault(rref, slot) != slot:
                self._clear(slot)  # another thread was quicker

    def remove(self, rref: RRef, is_held: Callable[[RRef], bool]) -> None:
        """Removes the line of a realization, unless it is held again by now.

        A holder must count the realization as held before it looks whether there is a line.
        """
        slot = self._slots.pop(rref, None)
        if slot is None or not self.stands:
            return
        # A holder who saw the line is counted by now; a later one will write another line.
        if is_held(rref) and self._slots.setdefault(rref, slot) == slot:
            return
        self._clear(slot)

    def end(self) -> None:
        """Removes the file, unless it belongs to the process that forked this one."""
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
        # The first newline ends a line before it that a full disk has torn.
        line = f"\n{text}".encode().ljust(_SLOT, b"\n")
        at = slot * _SLOT
        while line:  # a signal may cut a write short; a full disk ends the next one
            done = os.pwrite(self._file.number, line, at)
            line, at = line[done:], at + done


def used(tmp: Path, without: Collection[str] = ()) -> set[RRef]:
    """The realizations that living processes use; call it with the gate closed.

    `without` names the live files that do not count.
    """
    return {*users(tmp, without)}


def users(tmp: Path, without: Collection[str] = ()) -> dict[RRef, list[str]]:
    """The realizations that living processes use, each with these processes in words."""
    found: dict[RRef, list[str]] = {}
    for path in sorted(tmp.glob(PREFIX + "*")):
        if path.name in without or not locks.in_use(path):
            continue
        try:
            text = disk.read_growing(path).decode("ascii", "replace")
        except FileNotFoundError:
            continue  # its process has ended meanwhile
        except Irregular:
            continue  # something else has that name
        for rref in well_formed(RRef, text.split()):
            found.setdefault(rref, []).append(_process(path.name))
    return found


def _process(name: str) -> str:
    """The process of a live file, as the name of the file tells it."""
    told = re.fullmatch(PREFIX + r"[0-9a-f]+-([0-9]+)-(.+)", name)
    return f"process {told[1]} on {told[2]}" if told else "another process"
