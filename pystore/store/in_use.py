"""In use: the realizations that this process holds, so that gc leaves them alone (S9).

IU1  A realization stands in the live file of the process until its last holder lets it go.
IU2  A running call keeps the realizations that it has chosen, whoever releases them.
IU3  A forked child holds nothing, and takes nothing from its parent.

This module takes no lock of a thread: a signal handler may call it in the middle of a call, and a
child may be forked while another thread is in a call. So each change is one call of a C function. A
hold is counted first, and then written to the live file; a release does the reverse. A second live
file of the same process does no harm.
"""

import fcntl
import os
import threading
import weakref
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from weakref import ref

from ..core.refs import RRef
from .gate import gate
from .live_file import LiveFile

_FEW = 64


class _Call:
    """A call that is building. The call has ended when nobody refers to this object."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.rrefs: set[RRef] = set()


class _Held:
    """The realizations that a process holds, and their holders."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lasting: set[RRef] = set()  # until they are released
        self.users: dict[int, tuple[ref[object], RRef]] = {}

    def __contains__(self, rref: object) -> bool:
        return rref in self.lasting or rref in [one for _, one in list(self.users.values())]

    def all(self) -> set[RRef]:
        """All that have a holder."""
        return {*list(self.lasting), *(rref for _, rref in list(self.users.values()))}

    def add_user(self, user: object, rrefs: Collection[RRef]) -> None:
        """Counts one more user for each of these."""
        if len(self.users) >= _FEW and len(self.users) & (len(self.users) - 1) == 0:
            self._settle()
        for rref in rrefs:
            entry = ref(user), rref
            self.users[id(entry)] = entry

    def drop_user(self, user: object | None, rrefs: Collection[RRef]) -> None:
        """Stops to count a user of these; with None, all users that were deleted."""
        for key, (known, rref) in list(self.users.items()):
            if rref in rrefs and known() is user:
                self.users.pop(key, None)

    def _settle(self) -> None:
        # A user that was deleted without a release may have given out paths, which are in use.
        for key, (known, rref) in list(self.users.items()):
            if known() is None:
                self.lasting.add(rref)
                self.users.pop(key, None)


class Session:
    """The use of one store by this process."""

    def __init__(self, store: str, tmp: Path, gate: Path) -> None:
        self._store = store
        self._tmp = tmp
        self._gate = gate
        self._file: LiveFile | None = None  # for new lines
        self._files: list[LiveFile] = []  # with the earlier ones, whose lines count as well
        self._known = _Held()
        self._calls: dict[int, ref[_Call]] = {}
        self._end = weakref.finalize(self, _end, self._files)

    def end(self) -> None:
        """Removes the live files, when the store was removed."""
        _sessions.pop(self._store, None)
        # Nothing is left for later: what a signal handler raises there would be lost.
        self._end()

    def __reduce__(self) -> tuple[object, ...]:
        # In another process, this is the session of that process.
        return session_of, (self._store.partition(" ")[0], self._tmp, self._gate)

    @property
    def name(self) -> str:
        """The name of the live file for new lines; empty where there is none."""
        return self._file.path.name if self._file and self._file.stands else ""

    @property
    def names(self) -> frozenset[str]:
        """The names of the live files of this process."""
        return frozenset(file.path.name for file in self._files if file.pid == os.getpid())

    @property
    def running(self) -> bool:
        """Whether calls of this process are building now."""
        return any(call() is not None for call in list(self._calls.values()))

    @contextmanager
    def building(self) -> Iterator[None]:
        """Marks this process as building: even its own gc spares what it uses."""
        call = _Call()
        known = ref(call)
        self._calls[id(known)] = known
        try:
            yield
        finally:
            self._held.lasting |= call.rrefs  # they stay when the call has ended
            self._calls.pop(id(known), None)

    def open_gate(self) -> AbstractContextManager[bool]:
        """Keeps gc from running inside the block. Yields False where the store is read-only."""
        return gate(self._gate, fcntl.LOCK_SH)

    def closed_gate(self) -> AbstractContextManager[bool]:
        """Keeps every other user out of the gate, inside the block."""
        return gate(self._gate, fcntl.LOCK_EX)

    @property
    def held(self) -> frozenset[RRef]:
        """The realizations that this process holds."""
        return frozenset(self._held.all())

    def holds(self, rrefs: Collection[RRef]) -> bool:
        """Whether these stand in the live file already."""
        file = self._file
        return file is not None and file.has(rrefs) and file.stands

    def hold(self, rrefs: Collection[RRef], user: object | None = None) -> None:
        """Keeps these from being collected until they are released.

        With a `user`, this user must release them, or anybody when the user was deleted. Nothing is
        written in a read-only store, where gc never runs.
        """
        self._count(rrefs, user)
        if not self.holds(rrefs):
            with self.open_gate() as writable:
                if writable:
                    self._write(rrefs)

    def note(self, rrefs: Collection[RRef]) -> None:
        """As `hold`, for a caller that has the gate open."""
        self._count(rrefs, None)
        self._write(rrefs)

    def release(self, rrefs: Collection[RRef], user: object | None = None) -> None:
        """Lets gc collect these, unless there is another holder.

        No gate is needed: gc does not need a line that goes away, and no other line is touched.
        """
        held = self._held
        held.drop_user(user, rrefs)
        if user is None:
            held.lasting.difference_update([r for r in rrefs if not self._in_a_call(r)])
        for rref in rrefs:
            if not self._is_held(rref):
                for file in list(self._files):
                    file.remove(rref, self._is_held)

    @property
    def _held(self) -> _Held:
        if self._known.pid != os.getpid():  # a forked child
            self._known = _Held()
        return self._known

    def _count(self, rrefs: Collection[RRef], user: object | None) -> None:
        if user is not None:
            return self._held.add_user(user, rrefs)
        thread = threading.get_ident()
        for known in list(self._calls.values()):
            if (call := known()) is not None and call.thread == thread:
                call.rrefs.update(rrefs)
        self._held.lasting.update(rrefs)

    def _is_held(self, rref: RRef) -> bool:
        return rref in self._held or self._in_a_call(rref)

    def _in_a_call(self, rref: RRef) -> bool:
        calls = (known() for known in list(self._calls.values()))
        return any(call is not None and rref in call.rrefs for call in calls)

    def _write(self, rrefs: Collection[RRef]) -> None:
        file = self._file
        if file is None or not file.stands:  # at the first use, in a forked child, or it was lost
            file = LiveFile(self._tmp)
            self._files.append(file)
            if not self._end.alive:  # it is used after its end
                self._end = weakref.finalize(self, _end, self._files)
            self._file = file
            file.add(self._held.all())
        file.add(rrefs)


_sessions: dict[str, Session] = {}


def session_of(store: str, tmp: Path, gate: Path) -> Session:
    """The session of this process with the store of this id, which lasts as long as the process.

    Realizations that a Store object has given out stay in use when that object is deleted.
    """
    key = f"{store} {tmp}"
    return _sessions.get(key) or _sessions.setdefault(key, Session(key, tmp, gate))


def sessions() -> list[Session]:
    """The sessions of this process."""
    return list(_sessions.values())


def _end(files: list[LiveFile]) -> None:
    for file in files:
        file.end()
