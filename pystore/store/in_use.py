"""Live use: what running processes use, so that gc leaves it alone (S9).

Each process that uses a store keeps one file in `tmp/`, locked for as long as it lives, with a
line for each realization that it uses. Whoever uses or makes something takes the gate shared
around {note what it uses, check that it is there}, and around each short write in `tmp/`; gc takes
it exclusively around {read the notes, rename away}.

No lock of a thread is taken here: a signal handler may call us in the middle of a call, and a
child may be forked in the middle of another thread's. Two files do no harm where one would do.
"""

import errno
import fcntl
import os
import threading
import weakref
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from weakref import ref

from ..core.errors import Corrupted, StoreBusy
from ..core.refs import RRef
from . import disk, locks, rights
from .descriptors import Kept
from .layout import well_formed

PREFIX = "live-"


class _Notes:
    """One file with what this process uses."""

    def __init__(self, tmp: Path) -> None:
        self.path = tmp / (PREFIX + disk.fresh_name())
        self.pid = os.getpid()
        self.rrefs: set[RRef] = set()
        # Whoever shares the store reads it, to know what must stay.
        self._file = rights.open_file(self.path, os.O_WRONLY | os.O_EXCL | os.O_APPEND)
        try:
            locks.claim(self._file.number, new=True)
        except BaseException:
            self.end()
            raise

    @property
    def stands(self) -> bool:
        """Whether gc can find it, and sees that its process lives.

        Someone may have deleted it, or closed our descriptor and got its number for another file.
        """
        status = self._file.status
        return status is not None and status.st_nlink > 0 and self.pid == os.getpid()

    def add(self, rrefs: Collection[RRef]) -> None:
        """Notes these."""
        # The first newline ends what a full disk may have torn.
        lines = "".join(["\n", *(f"{rref}\n" for rref in rrefs)])
        disk.write_all(self._file.number, lines.encode())
        self.rrefs.update(rrefs)

    def end(self) -> None:
        """Removes it, unless it is that of the process that forked this one."""
        if self.pid != os.getpid():
            return
        try:
            disk.remove_file(self.path)
        except OSError:
            pass  # gc removes it
        finally:
            self._file.close()


class _Token:
    """Stands for a call that is building, for as long as the call refers to it."""


class Session:
    """The realizations that this process uses."""

    def __init__(self, store: str, tmp: Path, gate: Path) -> None:
        self._store = store
        self._tmp = tmp
        self._gate = gate
        self._notes: _Notes | None = None  # where new ones go
        self._all: list[_Notes] = []  # and those before it: what they say holds
        self._calls: dict[int, ref[_Token]] = {}
        weakref.finalize(self, _end, self._all)

    def end(self) -> None:
        """Protects nothing any more: the store is gone."""
        _sessions.pop(self._store, None)
        _end(self._all)

    def __reduce__(self) -> tuple[object, ...]:
        return session_of, (
            self._store.partition(" ")[0],
            self._tmp,
            self._gate,
        )  # another process notes for itself

    @property
    def name(self) -> str:
        """The name of the file where it notes now; empty where there is none."""
        return self._notes.path.name if self._notes and self._notes.stands else ""

    @property
    def names(self) -> frozenset[str]:
        """The names of this process's files; none before its first use, and in a forked child."""
        return frozenset(notes.path.name for notes in self._all if notes.pid == os.getpid())

    @property
    def running(self) -> bool:
        """Whether calls of this process are building now."""
        return any(token() is not None for token in list(self._calls.values()))

    @contextmanager
    def building(self) -> Iterator[None]:
        """Marks this process as building: even its own gc spares what it uses."""
        token = _Token()
        known = ref(token)
        self._calls[id(known)] = known
        try:
            yield
        finally:
            self._calls.pop(id(known), None)

    def open_gate(self) -> AbstractContextManager[bool]:
        """Keeps gc from running inside the block. Yields False in a store that has no gc."""
        return gate(self._gate, fcntl.LOCK_SH)

    def holds(self, rrefs: Iterable[RRef]) -> bool:
        """Whether these are all noted already."""
        notes = self._notes
        return notes is not None and notes.rrefs.issuperset(rrefs) and notes.stands

    def note(self, rrefs: Iterable[RRef]) -> None:
        """Keeps these from being collected while this process lives; call it inside the gate."""
        notes = self._notes
        if notes is None or not notes.stands:  # first use, or a forked child, or it was lost
            notes = self._renewed(notes)
        notes.add([rref for rref in rrefs if rref not in notes.rrefs])

    def _renewed(self, lost: _Notes | None) -> _Notes:
        notes = _Notes(self._tmp)
        self._all.append(notes)
        if lost is not None and lost.pid == notes.pid:
            notes.add(lost.rrefs)
        self._notes = notes
        return notes


_sessions: dict[str, Session] = {}


def session_of(store: str, tmp: Path, gate: Path) -> Session:
    """The session of this process with the store of this id; it lives as long as we do.

    What one Store object has given out is in use still when that object is gone.
    """
    key = f"{store} {tmp}"
    return _sessions.get(key) or _sessions.setdefault(key, Session(key, tmp, gate))


def sessions() -> list[Session]:
    """The sessions of this process."""
    return list(_sessions.values())


def _end(notes: list[_Notes]) -> None:
    for each in notes:
        each.end()


_gates: dict[int, tuple[int, int, ref[Kept]]] = {}  # thread, how, file


@contextmanager
def gate(path: Path, how: int) -> Iterator[bool]:
    """Holds the gate, shared or exclusive. Yields False where the store cannot be written.

    Raises StoreBusy where this very thread holds it, and would wait for itself: in a signal handler
    that came in the middle of another call.
    """
    try:
        file = locks.open_shared(path)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        yield False
        return
    known = ref(file)
    try:
        _refuse_own(how)
        _gates[id(known)] = threading.get_ident(), how, known
        try:
            fcntl.flock(file.number, how)
        except OSError as error:
            if not locks.lacks_locks(error):
                raise
        yield os.access(os.path.dirname(os.path.dirname(path)) + "/tmp", os.W_OK)
    finally:
        _gates.pop(id(known), None)
        locks.unlock(file)


def _refuse_own(how: int) -> None:
    for key, (thread, held, known) in list(_gates.items()):
        file = known()
        if file is None or file.number < 0:
            _gates.pop(key, None)  # an interruption has left it
        elif thread == threading.get_ident() and fcntl.LOCK_EX in (how, held):
            raise StoreBusy(
                "this was called in the middle of another call of the same thread",
                remedy="let a signal handler set a flag, and do it when that call has returned",
            )


def used(tmp: Path, without: Collection[str] = ()) -> set[RRef]:
    """What living processes use; call it with the gate held.

    `without` names the sessions that do not count.
    """
    found: set[RRef] = set()
    for path in sorted(tmp.glob(PREFIX + "*")):
        if path.name in without or not locks.in_use(path):
            continue
        try:
            found.update(well_formed(RRef, disk.read(path).decode().splitlines()))
        except FileNotFoundError:
            continue  # its process has ended meanwhile
        except Corrupted:
            continue  # something else has that name
    return found
