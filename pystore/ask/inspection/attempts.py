"""Attempts of some derivations or realizations, the newest first, and their logs."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...core.attempt import Attempt
from ...core.errors import NotInStore
from ...core.note import Note, tags_among
from ...core.printable import listed
from ...core.refs import DRef, RRef
from ...core.same_run import run_of
from ...store.descriptors import open_file
from ...store.notes import notes_of
from ...store.store import Store

_END = 8192  # [bytes] of a log, in which its last line is looked for


class Log(NamedTuple):
    """What an attempt printed."""

    attempt: Attempt
    path: Path  # of the file, whether there is one or not

    def to_dict(self) -> dict[str, Any]:
        """The log as `pystore logs --json` prints it.

        `dref`, `context`, `number`, `outcome`, `rref` or null; `path`, null if nothing was printed
        or kept; and `text`.
        """
        keys = ("dref", "context", "number", "outcome", "rref")
        known = self.path.is_file()
        text = self.path.read_bytes().decode("utf-8", "replace") if known else ""
        facts = {key: getattr(self.attempt, key) for key in keys}
        return {**facts, "path": str(self.path) if known else None, "text": text}

    @property
    def last_line(self) -> str:
        """The last line that it printed, of at most 8 KiB; "" if it printed none."""
        try:
            with open_file(self.path, follow=False) as descriptor:
                os.lseek(descriptor, max(0, os.fstat(descriptor).st_size - _END), os.SEEK_SET)
                text = os.read(descriptor, _END).decode("utf-8", "replace")
        except OSError:
            return ""  # it is not there, or is no file
        # A bar of progress returns to the begin of its line.
        lines = (line.strip() for line in re.split("[\r\n]", text))
        return next((line for line in reversed([*lines]) if line), "")


class NotedAttempt(NamedTuple):
    """An attempt with the notes and tags about it, its realization and its derivation."""

    attempt: Attempt
    noted: tuple[Note, ...]  # the oldest first

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags, sorted."""
        return tags_among(self.noted, rejections=True)

    def to_dict(self) -> dict[str, Any]:
        """The attempt as `pystore log --json` prints it: also `tags` and `noted`."""
        told = {"tags": list(self.tags), "noted": [note.to_dict() for note in self.noted]}
        return {**self.attempt.to_dict(), **told}


def with_notes(attempts: Iterable[Attempt], store: Store) -> list[NotedAttempt]:
    """These attempts, each with the notes about it."""
    found = list(attempts)
    noted = {dref: notes_of(store, dref) for dref in {attempt.dref for attempt in found}}
    return [with_those_about(attempt, noted[attempt.dref]) for attempt in found]


def with_those_about(attempt: Attempt, notes: Iterable[Note]) -> NotedAttempt:
    """The attempt with those of these notes that are about it."""
    return NotedAttempt(attempt, tuple(note for note in notes if note.is_about(attempt)))


def newest_first(refs: Iterable[DRef | RRef], store: Store) -> list[Attempt]:
    """The attempts of these derivations, and those that made these realizations."""
    found = [attempt for ref in refs for attempt in _of(ref, store)]
    return sorted(found, key=lambda attempt: attempt.order, reverse=True)


def _of(ref: DRef | RRef, store: Store) -> list[Attempt]:
    if isinstance(ref, DRef):
        return store.attempts(ref)
    return [attempt for attempt in store.attempts(ref.dref) if attempt.rref == ref]


def chosen_attempt(refs: Iterable[DRef | RRef], number: int | None, store: Store) -> Attempt:
    """The newest of the attempts, or the newest with this number. Raises NotInStore."""
    refs = list(refs)
    found = newest_first(refs, store)
    for attempt in found:
        if number is None or attempt.number == number:
            return attempt
    raise NotInStore(
        "no such attempt",
        ref=refs[0] if len(refs) == 1 else refs[0].name,
        attempt=number,
        there_are=listed(sorted({a.number for a in found})) or "none",
        remedy="pystore log",
    )


def adopted_from(attempt: Attempt) -> RRef | None:
    """The realization whose result the attempt took over; None if it ran itself."""
    note = attempt.notes.get("adopted")
    return RRef(note) if isinstance(note, str) else None


def as_run(attempt: Attempt, store: Store) -> Attempt:
    """The attempt that really ran: an adopted result has a copy of another attempt's record."""
    seen: set[str] = set()
    while (source := adopted_from(attempt)) and attempt.id not in seen:
        seen.add(attempt.id)
        copies = [one for one in newest_first([source], store) if run_of(one) == run_of(attempt)]
        # Two may have adopted from each other, if one was lost meanwhile.
        copies.sort(key=lambda one: adopted_from(one) is not None)
        attempt = copies[0] if copies else attempt
    return attempt


def log_of(attempt: Attempt, store: Store) -> Log:
    """The log of an attempt."""
    return Log(attempt, store.beside(attempt, "log"))


def runs(attempt: Attempt, store: Store) -> bool:
    """Whether the attempt still runs."""
    return any(one.outcome == "running" for one in _at_its_place(attempt, store))


def as_it_is(attempt: Attempt, store: Store) -> Attempt | None:
    """The attempt as the store has it now; None if it was removed."""
    return next(_at_its_place(attempt, store), None)


def _at_its_place(attempt: Attempt, store: Store) -> Iterator[Attempt]:
    place = (attempt.context, attempt.number)
    return (one for one in store.attempts(attempt.dref) if (one.context, one.number) == place)
