"""Watching: the listener of a call of realize, and the choice of its display.

W1  Nothing is shown, and nothing heavy imported, before something starts, waits or fails.
W2  Events may come from any thread; a display that fails stops no build.
W3  One display draws on a terminal at a time; who comes second writes lines.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Literal, Protocol, TextIO

from ...model.derivation import Closure
from ...model.events import Event, Listener, Progress, Started, ignore
from ...model.progress import Key, Tally, after, matters
from ...model.refs import DRef
from ...run.watching import Open, Watch
from ...store.protocol import StoreProtocol
from ..settings import terminal_is_dumb
from .lines import Json, Lines
from .screen import is_terminal
from .usual import Usual
from .words import Labels

Mode = Literal["bars", "lines", "json", "none"]

_APART = 0.05  # [s] between two events of progress of one attempt that are looked at

_terminal = threading.Lock()  # held by the display that draws (W3)


class Display(Protocol):
    """Shows events; it is told of one at a time."""

    def hear(self, event: Event, tally: Tally, now: float) -> None:
        """Shows an event, and what it came to."""

    def close(self) -> None:
        """Ends with what it came to."""


class Watcher(AbstractContextManager[Listener]):
    """Folds the events of one call, and opens its display when there is something to show.

    What was heard before is kept, and told first.
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
        self._heard: list[tuple[Event, float, float | None]] = []  # and not yet told
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
        with self._lock:  # attempts in a pool of the caller may outlive the call
            display, self._display, self._over = self._display, None, True
        if display is not None:
            display.close()

    def __call__(self, event: Event) -> None:
        """Takes an event, from any thread of this process."""
        if os.getpid() != self._process:
            return  # in a fork, a lock may be held by a thread that is not there
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


class _Only:
    """The display that draws on the terminal: the others write lines until it has ended (W3)."""

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


def open_watch(
    closure: Closure, store: StoreProtocol, wanted: bool | None
) -> AbstractContextManager[Listener]:
    """The listener of a call whose `progress` is `wanted`."""
    if wanted is False or (wanted is None and not (in_notebook() or on_terminal())):
        return nullcontext(ignore)
    return _pictures(closure, store)


@contextmanager
def watching(mode: Mode | None, stream: TextIO | None = None) -> Iterator[None]:
    """Lets calls of realize inside the block show what they do in one way; for programs.

    "bars" are lines where there is no terminal; None leaves it to the calls. `stream` is for
    "lines" (default: standard error) and "json" (default: standard output).
    """
    before = Watch.open
    if mode is not None:
        Watch.open = staticmethod(_OPENERS[mode](stream))
    try:
        yield
    finally:
        Watch.open = staticmethod(before)


def on_terminal() -> bool:
    """Whether bars can be drawn where errors go."""
    return is_terminal(sys.stderr) and not terminal_is_dumb()


def in_notebook() -> bool:
    """Whether this runs in a kernel of Jupyter: IPython is there, and its shell has one."""
    find = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return getattr(find(), "kernel", None) is not None


def _bars(stream: TextIO | None) -> Open:
    return lambda closure, store, wanted: _pictures(closure, store)


def _lines(stream: TextIO | None) -> Open:
    def show(labels: Labels, since: float) -> Display:
        return Lines(lambda: stream or sys.stderr, labels, since)

    return lambda closure, store, wanted: Watcher(closure, show)


def _json(stream: TextIO | None) -> Open:
    def show(labels: Labels, since: float) -> Display:
        return Json(lambda: stream or sys.stdout)

    return lambda closure, store, wanted: Watcher(closure, show, worth=lambda event: True)


def _none(stream: TextIO | None) -> Open:
    return lambda closure, store, wanted: nullcontext(ignore)


_OPENERS: dict[Mode, Callable[[TextIO | None], Open]] = {
    "bars": _bars,
    "lines": _lines,
    "json": _json,
    "none": _none,
}


def _pictures(closure: Closure, store: StoreProtocol) -> Watcher:
    return Watcher(closure, _picture, Usual(store))


def _picture(labels: Labels, since: float) -> Display:
    """Bars where they can be drawn, and are not drawn yet (W3); else lines."""
    if in_notebook():
        return _notebook(labels, since)
    if on_terminal() and _terminal.acquire(blocking=False):
        return _Only(lambda: _foot(labels, since))
    return Lines(lambda: sys.stderr, labels, since)


def _foot(labels: Labels, since: float) -> Display:
    from .bars import Bars  # imported when there is something to draw: rich costs 30 ms (W1)
    from .foot import Foot

    return Bars(lambda bars: Foot(bars, labels), labels, time.monotonic, since)


def _notebook(labels: Labels, since: float) -> Display:
    from .bars import Bars  # as above
    from .notebook import Notebook

    return Bars(lambda _: Notebook(labels), labels, time.monotonic, since)


Watch.open = staticmethod(open_watch)
