"""In use: the realizations that this process holds, so that gc leaves them alone (S9).

IU1  What is held stands in the live file of the process, until its last holder lets it go.
IU2  What a running call holds is let go by nobody else.
IU3  A forked child holds nothing, and takes nothing from its parent.

No lock of a thread is taken here: a signal handler may call us in the middle of a call, and a
child may be forked in the middle of another thread's. So each change is one call of C's. Who
begins to hold something counts it first and writes it then; who lets it go does the reverse. Two
live files do no harm where one would do.
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
    """A call that is building, for as long as the call refers to this."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.rrefs: set[RRef] = set()


class _Held:
    """What a process holds."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lasting: set[RRef] = set()  # until they are released
        self.users: dict[int, tuple[ref[object], RRef]] = {}

    def __contains__(self, rref: object) -> bool:
        return rref in self.lasting or rref in [one for _, one in list(self.users.values())]

    def all(self) -> set[RRef]:
        """All of it."""
        return {*list(self.lasting), *(rref for _, rref in list(self.users.values()))}

    def add_user(self, user: object, rrefs: Collection[RRef]) -> None:
        """Counts one more user of each of these."""
        if len(self.users) >= _FEW and len(self.users) & (len(self.users) - 1) == 0:
            self._settle()
        for rref in rrefs:
            entry = ref(user), rref
            self.users[id(entry)] = entry

    def drop_user(self, user: object | None, rrefs: Collection[RRef]) -> None:
        """Counts this user no more; with None, those that are gone."""
        for key, (known, rref) in list(self.users.items()):
            if rref in rrefs and known() is user:
                self.users.pop(key, None)

    def _settle(self) -> None:
        # A user that went without letting go may have given out paths, which are used still.
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
        self._file: LiveFile | None = None  # where new lines go
        self._files: list[LiveFile] = []  # and those before it, whose lines still hold
        self._known = _Held()
        self._calls: dict[int, ref[_Call]] = {}
        weakref.finalize(self, _end, self._files)

    def end(self) -> None:
        """Protects nothing any more: the store is gone."""
        _sessions.pop(self._store, None)
        _end(self._files)

    def __reduce__(self) -> tuple[object, ...]:
        # Another process holds for itself.
        return session_of, (self._store.partition(" ")[0], self._tmp, self._gate)

    @property
    def name(self) -> str:
        """The name of the live file where new lines go; empty where there is none."""
        return self._file.path.name if self._file and self._file.stands else ""

    @property
    def names(self) -> frozenset[str]:
        """The names of this process's files; none before its first use, and in a forked child."""
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
            self._held.lasting |= call.rrefs  # what a call has chosen stays when it has ended
            self._calls.pop(id(known), None)

    def open_gate(self) -> AbstractContextManager[bool]:
        """Keeps gc from running inside the block. Yields False in a store that has no gc."""
        return gate(self._gate, fcntl.LOCK_SH)

    @property
    def held(self) -> frozenset[RRef]:
        """What this process holds."""
        return frozenset(self._held.all())

    def holds(self, rrefs: Collection[RRef]) -> bool:
        """Whether these stand in the live file already."""
        file = self._file
        return file is not None and all(rref in file for rref in rrefs) and file.stands

    def hold(self, rrefs: Collection[RRef], user: object | None = None) -> None:
        """Keeps these from being collected until they are released.

        With a `user`, until that one releases them; else, or if the user is gone, until anybody
        does. In a store that cannot be written, gc never runs.
        """
        self._count(rrefs, user)
        if not self.holds(rrefs):
            with self.open_gate() as writable:
                if writable:
                    self._write(rrefs)

    def note(self, rrefs: Collection[RRef]) -> None:
        """As `hold`, inside the gate."""
        self._count(rrefs, None)
        self._write(rrefs)

    def release(self, rrefs: Collection[RRef], user: object | None = None) -> None:
        """Lets go of these, as far as nobody else holds them.

        No gate is needed: a line that goes away is of no use to gc, and no other line is touched.
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
        for call in self._running_calls():
            if call.thread == threading.get_ident():
                call.rrefs.update(rrefs)
        self._held.lasting.update(rrefs)

    def _is_held(self, rref: RRef) -> bool:
        return rref in self._held or self._in_a_call(rref)

    def _in_a_call(self, rref: RRef) -> bool:
        return any(rref in call.rrefs for call in self._running_calls())

    def _running_calls(self) -> list[_Call]:
        return [call for known in list(self._calls.values()) if (call := known()) is not None]

    def _write(self, rrefs: Collection[RRef]) -> None:
        file = self._file
        if file is None or not file.stands:  # first use, or a forked child, or it was lost
            file = LiveFile(self._tmp)
            self._files.append(file)
            self._file = file
            file.add(self._held.all())
        file.add(rrefs)


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


def _end(files: list[LiveFile]) -> None:
    for file in files:
        file.end()
