"""Chooses the display of a call.

WT3  One display draws on a terminal at a time; a second one writes lines.
"""

import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from ...core.derivation import Closure
from ...core.events import Event
from ...core.ports import StoreReader
from ...core.progress import Tally
from .lines import Json, Lines
from .terminal import in_notebook, on_terminal
from .usual import Usual
from .watcher import Display, Watcher
from .words import Labels

_terminal = threading.Lock()  # held by the display that draws (WT3)


def drawn(closure: Closure, store: StoreReader, stream: TextIO | None) -> Watcher:
    """Shows bars, or lines where bars cannot be drawn. It ignores `stream`."""
    return Watcher(closure, _picture, Usual(store))


def in_lines(closure: Closure, store: StoreReader, stream: TextIO | None) -> Watcher:
    """Shows lines on the stream (default: standard error)."""

    def show(labels: Labels, since: float) -> Display:
        return Lines(lambda: stream or sys.stderr, labels, since)

    return Watcher(closure, show)


def in_json(closure: Closure, store: StoreReader, stream: TextIO | None) -> Watcher:
    """Shows every event as JSON on the stream (default: standard output)."""

    def show(labels: Labels, since: float) -> Display:
        return Json(lambda: stream or sys.stdout)

    return Watcher(closure, show, worth=lambda event: True)


def _picture(labels: Labels, since: float) -> Display:
    """Bars, if they can be drawn and no other display draws (WT3); else lines."""
    if in_notebook():
        return _notebook(labels, since)
    if on_terminal() and _terminal.acquire(blocking=False):
        return _Only(lambda: _foot(labels, since))
    return Lines(lambda: sys.stderr, labels, since)


def _foot(labels: Labels, since: float) -> Display:
    from .bars import Bars  # late for weight: rich costs 30 ms (WT1)
    from .foot import Foot

    return Bars(lambda bars: Foot(bars, labels), labels, time.monotonic, since)


def _notebook(labels: Labels, since: float) -> Display:
    from .bars import Bars  # as above
    from .notebook import Notebook

    return Bars(lambda _: Notebook(labels), labels, time.monotonic, since)


class _Only:
    """The display that draws on the terminal; until it is closed, others write lines (WT3)."""

    def __init__(self, show: Callable[[], Display]) -> None:
        try:
            self._display = show()
        except BaseException:
            _terminal.release()
            raise

    def hear(self, event: Event, tally: Tally, now: float) -> None:
        """Shows an event."""
        self._display.hear(event, tally, now)

    def close(self) -> None:
        """Leaves the terminal to others."""
        try:
            self._display.close()
        finally:
            _terminal.release()
