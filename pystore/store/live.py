"""Live use: what running processes use, so that gc leaves it alone (S9).

Each process that uses a store keeps one file in `tmp/`, locked for as long as it lives, with a
line for each realization that it uses. Whoever uses or makes something takes the gate shared
around {note what it uses, check that it is there}, and around each short write in `tmp/`; gc takes
it exclusively around {read the notes, rename away}.
"""

import errno
import fcntl
import os
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ..model.refs import RRef
from . import disk, locks, rights
from .layout import well_formed

PREFIX = "live-"


class Session:
    """The realizations that this process uses."""

    def __init__(self, store: str, tmp: Path, gate: Path) -> None:
        self._store = store
        self._tmp = tmp
        self._gate = gate
        self._held: set[RRef] = set()
        self._file = -1
        self._pid = 0
        self._finish: weakref.finalize[[int, int, Path], Session] | None = None
        self._name = ""
        self._count = threading.Lock()
        self._notes = threading.Lock()
        self.running = 0  # calls of this process that are building now

    def end(self) -> None:
        """Protects nothing any more: the store is gone."""
        with _guard:
            _sessions.pop(self._store, None)
        if self._finish is not None:
            self._finish()

    def __reduce__(self) -> tuple[object, ...]:
        return session_of, (
            self._store.partition(" ")[0],
            self._tmp,
            self._gate,
        )  # another process notes for itself

    @property
    def name(self) -> str:
        """The name of this process's file; empty before its first use, and in a forked child."""
        return self._name if self._pid == os.getpid() else ""

    @contextmanager
    def building(self) -> Iterator[None]:
        """Marks this process as building: even its own gc spares what it uses."""
        with self._count:
            self.running += 1
        try:
            yield
        finally:
            with self._count:
                self.running -= 1

    def open_gate(self) -> AbstractContextManager[bool]:
        """Keeps gc from running inside the block. Yields False in a store that has no gc."""
        return gate(self._gate, fcntl.LOCK_SH)

    def holds(self, rrefs: Iterable[RRef]) -> bool:
        """Whether these are all noted already."""
        return self._pid == os.getpid() and self._held.issuperset(rrefs)

    def note(self, rrefs: Iterable[RRef]) -> None:
        """Keeps these from being collected while this process lives; call it inside the gate."""
        with self._notes:
            if self._pid != os.getpid():  # first use, or we are a forked child
                self._open()
            new = [rref for rref in rrefs if rref not in self._held]
            # The first newline ends what a full disk may have torn.
            disk.write_all(self._file, "".join(["\n", *(f"{rref}\n" for rref in new)]).encode())
            self._held.update(new)

    def _open(self) -> None:
        self._name = PREFIX + disk.fresh_name()
        path = self._tmp / self._name
        # Whoever shares the store reads it, to know what must stay.
        file, pid = rights.open_file(path, os.O_WRONLY | os.O_EXCL | os.O_APPEND), os.getpid()
        try:
            locks.claim(file, new=True)
        except BaseException:
            _end(pid, file, path)
            raise
        self._file, self._held, self._pid = file, set(), pid
        self._finish = weakref.finalize(self, _end, pid, file, path)


_sessions: dict[str, Session] = {}
_guard = threading.Lock()


def session_of(store: str, tmp: Path, gate: Path) -> Session:
    """The session of this process with the store of this id; it lives as long as we do.

    What one Store object has given out is in use still when that object is gone.
    """
    with _guard:
        key = f"{store} {tmp}"
        return _sessions.setdefault(key, Session(key, tmp, gate))


def sessions() -> list[Session]:
    """The sessions of this process."""
    with _guard:
        return list(_sessions.values())


def _end(pid: int, file: int, path: Path) -> None:
    if pid == os.getpid():  # not in a forked child, whose parent goes on
        try:
            disk.remove_file(path)
        except OSError:
            pass  # gc removes it
        finally:
            os.close(file)


@contextmanager
def gate(path: Path, how: int) -> Iterator[bool]:
    """Holds the gate, shared or exclusive. Yields False where the store cannot be written."""
    try:
        file = locks.open_shared(path)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        yield False
        return
    pid = os.getpid()
    try:
        try:
            fcntl.flock(file, how)
        except OSError as error:
            if not locks.lacks_locks(error):
                raise
        try:
            yield os.access(os.path.dirname(os.path.dirname(path)) + "/tmp", os.W_OK)
        finally:
            locks.release(file, pid)
    finally:
        os.close(file)


def used(tmp: Path, without: str = "") -> set[RRef]:
    """What living processes use; call it with the gate held.

    `without` names a session that does not count.
    """
    found: set[RRef] = set()
    for path in sorted(tmp.glob(PREFIX + "*")):
        if path.name == without or not locks.in_use(path):
            continue
        try:
            found.update(well_formed(RRef, disk.read(path).decode().splitlines()))
        except FileNotFoundError:
            continue  # its process has ended meanwhile
    return found
