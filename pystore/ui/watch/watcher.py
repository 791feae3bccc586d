"""Watcher: the listener of one call of realize; it opens a display when there is news to show.

WT1  Nothing is shown, and nothing heavy imported, before something starts, waits or fails.
WT2  Events may come from any thread; a display that fails stops no build.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from ...core.derivation import Closure
from ...core.events import Event, Listener, Progress, Started
from ...core.progress import Key, Tally, after, matters
from ...core.refs import DRef
from .words import Labels

_APART = 0.05  # [s] at least between two events of progress of one attempt; others are dropped


class Display(Protocol):
    """Shows events; it is told one at a time."""

    def hear(self, event: Event, tally: Tally, now: float) -> None:
        """Shows an event, and the tally after it."""

    def close(self) -> None:
        """Shows the summary, and ends."""


class Watcher(AbstractContextManager[Listener]):
    """Folds the events of one call, and opens its display when there is something to show.

    The display is then told all earlier events first.
    """

    def __init__(
        self,
        closure: Closure,
        show: Callable[[Labels, float], Display],
        usual: Callable[[DRef], float | None] = lambda dref: None,
        worth: Callable[[Event], bool] = matters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._closure = closure
        self._show = show
        self._usual = usual
        self._worth = worth
        self._clock = clock
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._tally = Tally(len(closure.derivations))
        self._heard: list[
            tuple[Event, float, float | None]
        ] = []  # the display was not told them yet
        self._display: Display | None = None
        self._over = False
        self._told: dict[Key, float] = {}
        self._since = clock()

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if os.getpid() != self._process:
            return
        with self._lock:  # attempts in the caller's pool may outlive the call
            display, self._display, self._over = self._display, None, True
        if display is None:
            return
        try:
            display.close()
        except Exception as second:
            if error is None:
                raise
            error.add_note(f"what shows the progress could not be closed either: {second}")

    def __call__(self, event: Event) -> None:
        """Takes an event, from any thread of this process."""
        if os.getpid() != self._process:
            return  # in a fork, a thread that does not exist may hold the lock
        if isinstance(event, Progress) and self._too_soon(event):
            return
        usual = self._usual(event.dref) if isinstance(event, Started) else None
        with self._lock:
            if self._over:
                return
            self._heard.append((event, self._clock(), usual))
            if self._display is None and self._worth(event):
                self._display = self._show(Labels(self._closure), self._since)
            if self._display is not None:
                self._tell(self._display)

    def _tell(self, display: Display) -> None:
        for event, now, usual in self._heard:
            self._tally = after(self._tally, event, now, usual)
            display.hear(event, self._tally, now)
        self._heard.clear()

    def _too_soon(self, event: Progress) -> bool:
        key, now = (event.dref, event.number), self._clock()
        if event.done != event.total and now - self._told.get(key, -_APART) < _APART:
            return True
        self._told[key] = now
        return False
