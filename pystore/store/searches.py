"""Searches: where the study of a search is kept in a store, and which processes work on it.

SZ1  What a process has not finished when it dies can be told from what living processes do.
SZ2  A journal whose last line was torn by a death or a full disk goes on after the line before.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import disk, locks, rights
from .locks import BuildLock
from .reader import Reader

_PATIENCE = 3600.0  # [s] for a lock that is held for one step of an optimiser
_TAIL = 1 << 16  # [bytes] that a line surely fits in


class SearchFolder:
    """The files of one search. `by` names this process in it, and `at_work` says that it lives."""

    @rights.explained
    def __init__(self, store: Reader, name: str) -> None:
        folder = store.root / "searches"
        rights.ensure_folder(folder)
        self._stem = str(folder / name)
        self._store = store.id
        self._token = disk.fresh_name()

    @property
    def by(self) -> str:
        """The name of this process among those that search."""
        return f"{self._store} {self._token}"

    @property
    def journal(self) -> str:
        """The path of the journal in which the study is kept."""
        return f"{self._stem}.journal"

    @rights.explained
    def make_journal(self) -> None:
        """Makes an empty journal, with the rights of the store, if there is none."""
        rights.open_file(self.journal, os.O_WRONLY | os.O_APPEND).close()

    def has_died(self, by: str) -> bool:
        """Whether a process of this store has ended; of other stores, nobody can tell."""
        store, _, token = by.partition(" ")
        return store == self._store and not locks.in_use(self._alive(token))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Others see that this process works on the search."""
        path = self._alive(self._token)
        file = rights.open_file(path, os.O_WRONLY | os.O_EXCL)
        try:
            locks.claim(file.number, new=True)
            yield
        finally:
            disk.remove_file(path)
            file.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps the other processes of this store from taking a trial meanwhile."""
        lock = BuildLock(Path(f"{self._stem}.lock"))
        lock.acquire(_PATIENCE)
        try:
            yield
        finally:
            lock.release()

    def _alive(self, token: str) -> str:
        return f"{self._stem}.{token}.alive"


class JournalLock:
    """The lock of a journal: the kernel frees that of a process that dies at once."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self._lock = BuildLock(Path(f"{journal}.lock"))

    def acquire(self) -> bool:
        """Waits for the lock, and mends the journal."""
        self._lock.acquire(_PATIENCE)
        _mend(self._journal)
        return True

    def release(self) -> None:
        """Gives the lock up."""
        self._lock.release()


def _mend(journal: str) -> None:
    """Takes a last line without an end away: it was never written whole (SZ2)."""
    with Path(journal).open("r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if not size or os.pread(file.fileno(), 1, size - 1) == b"\n":
            return
        start = max(0, size - _TAIL)
        file.seek(start)
        tail = file.read()
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail) and (whole or not start):
            file.truncate(start + whole)
