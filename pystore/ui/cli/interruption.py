"""Interruption: what a run that was stopped leaves, and how it goes on."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ...model.attempt import Attempt
from ...model.errors import PystoreError
from ...model.events import AttemptFailed
from ...store.store import Store
from .hearing import Hearing


def interrupted(hearing: Hearing, store: Store) -> PystoreError:
    """Says how much is kept: what was committed, and what the running attempts leave."""
    records = [found for event in hearing.stopped if (found := _record(event, store))]
    left = [path for record in records if (path := _staging(record))]
    goes_on = [path for record in records if (path := _scratch(record, store)).exists()]
    return PystoreError(
        "interrupted",
        done=hearing,
        stopped="\n".join(f"attempt {e.number} of {e.dref}" for e in hearing.stopped) or None,
        wrote="\n".join(map(str, left)) or None,
        checkpoint="\n".join(map(str, goes_on)) or None,
        remedy="run it again: what was built is kept"
        + (", and it goes on from its checkpoint" if goes_on else ""),
    )


def _record(event: AttemptFailed, store: Store) -> Attempt | None:
    found = [a for a in store.attempts(event.dref) if a.number == event.number]
    return max(found, key=lambda a: a.order) if found else None


def _staging(attempt: Attempt) -> Path | None:
    path = Path(str(attempt.notes.get("staging", "")))
    return path if path.name and path.exists() else None


def _scratch(attempt: Attempt, store: Store) -> Path:
    return Path(store.layout.beside(attempt.dref, attempt.context, attempt.number, "scratch"))


@contextmanager
def saying_that_workers_finish(workers: int | None) -> Iterator[None]:
    """Says, at the first Ctrl-C, that what runs in workers may finish, and what a second does."""
    before = signal.getsignal(signal.SIGINT)
    if workers is None or before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _say_and_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _say_and_interrupt(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Not by way of sys.stderr, which may have been writing when the signal came.
    os.write(2, b"\npystore: what runs may finish; Ctrl-C again ends it now\n")
    raise KeyboardInterrupt
