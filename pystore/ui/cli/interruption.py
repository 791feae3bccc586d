"""Interruption: signals that stop a run, and the report of a stopped run."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ...core.attempt import Attempt
from ...core.errors import PystoreError
from ...core.events import AttemptFailed
from ...core.printable import listed
from ...store.store import Store
from .exit_codes import Stopped
from .run_counts import RunCounts

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupted(run_counts: RunCounts, store: Store) -> PystoreError:
    """The report: what was committed, and which files the stopped attempts have left."""
    records = [found for event in run_counts.stopped if (found := _record(event, store))]
    left = [path for record in records if (path := _staging(record))]
    goes_on = [path for record in records if (path := _scratch(record, store)).exists()]
    return PystoreError(
        "interrupted",
        done=run_counts,
        stopped=listed((f"attempt {e.number} of {e.dref}" for e in run_counts.stopped), "\n")
        or None,
        wrote=listed(left, "\n") or None,
        checkpoint=listed(goes_on, "\n") or None,
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
    return store.beside(attempt, "scratch")


class Presses:
    """Counts Ctrl-C, SIGTERM and SIGHUP; none is lost, though a stage may catch its exception.

    The first stops, the second ends what workers run, the third ends this process at once.
    """

    def __init__(self, workers: int | None) -> None:
        self._heard: list[KeyboardInterrupt] = []
        self._workers = workers
        self._terminal = 2

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Handles the signals inside the block, except ignored ones, such as under `nohup`."""
        found = {number: signal.getsignal(number) for number in _STOPS}
        before = {number: handler for number, handler in found.items() if callable(handler)}
        self._terminal = os.dup(2)  # while a stage runs, descriptor 2 may be its log
        for number in before:
            signal.signal(number, self._press)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._terminal)

    def count(self) -> int:
        """How many signals have come: they end the run though their exceptions may be lost.

        A stage may catch one, and one that comes while another is handled takes its place.
        """
        return len(self._heard)

    def raise_first(self) -> None:
        """Raises the exception of the first signal, if one has come."""
        if self._heard:
            raise self._heard[0]

    def _press(self, number: int, frame: FrameType | None) -> NoReturn:
        self._heard.append(KeyboardInterrupt() if number == signal.SIGINT else Stopped(number))
        if len(self._heard) == 1 and self._workers is not None:
            self._say("what runs may finish; Ctrl-C again ends it now")
        if len(self._heard) == 2:
            self._say("stopping; Ctrl-C again ends it by force")
        if len(self._heard) > 2:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        raise self._heard[-1]

    def _say(self, text: str) -> None:
        # Not through sys.stderr: it may have been writing when the signal came.
        wipe = "\r\x1b[J" if os.isatty(self._terminal) else ""
        with suppress(OSError):  # the terminal has gone
            os.write(self._terminal, f"{wipe}pystore: {text}\n".encode())
