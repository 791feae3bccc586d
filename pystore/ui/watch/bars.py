"""Bars: a display that a thread of its own paints a few times a second.

The thread that builds only stores a value, so that a slow terminal does not slow a training.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ...core.events import Event
from ...core.progress import Tally
from ...run.interrupts import deferred
from .words import Labels, Words, ending

_EVERY = 0.1  # [s] between two pictures


class Surface(Protocol):
    """A place to paint on: the foot of a terminal, or the output of a cell."""

    def paint(self, ended: list[Words], tally: Tally, now: float, took: float) -> None:
        """Shows what has ended since the last picture, and the tally."""

    def close(self, tally: Tally, took: float) -> None:
        """Removes the bars, and shows a summary; the lines of what has ended stay."""


class Bars:
    """Keeps the latest tally, and paints it."""

    def __init__(
        self,
        surface: Callable[["Bars"], Surface],
        labels: Labels,
        clock: Callable[[], float],
        since: float,
    ) -> None:
        self.tally = Tally()
        self._labels = labels
        self._clock = clock
        self._since = since
        self._ended: deque[Words] = deque()
        self._over = threading.Event()
        self._surface = surface(self)
        self._thread = threading.Thread(target=self._paint_on, name="pystore bars", daemon=True)
        try:
            with deferred():
                self._thread.start()
        except BaseException:
            if self._thread.ident is not None:  # else the system starts no more threads
                self.close()
            else:
                self._surface.close(self.tally, 0.0)
            raise

    def hear(self, event: Event, tally: Tally, now: float) -> None:
        """Stores what the next picture shows."""
        self.tally = tally
        if words := ending(event, self._labels):
            self._ended.append(words)

    def close(self) -> None:
        """Paints the last picture, and removes the bars."""
        try:
            with deferred():
                self._over.set()
            self._thread.join()
            self._paint()
        finally:
            self._surface.close(self.tally, self._clock() - self._since)

    def _paint_on(self) -> None:
        while not self._over.wait(_EVERY):
            self._paint()

    def _paint(self) -> None:
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        now = self._clock()
        self._surface.paint(ended, self.tally, now, now - self._since)
