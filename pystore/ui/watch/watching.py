"""Watching: whether calls of realize show what they do, and in which way."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal, TextIO

from ...core.derivation import Closure
from ...core.events import Listener, ignore
from ...run.watching import Open, Watch
from ...store.ports import StoreProtocol
from ..settings import terminal_is_dumb
from .screen import is_terminal

Mode = Literal["bars", "lines", "json", "none"]


def open_watch(
    closure: Closure, store: StoreProtocol, wanted: bool | None
) -> AbstractContextManager[Listener]:
    """The listener of a call whose `progress` is `wanted`."""
    if wanted is False or (wanted is None and not (in_notebook() or on_terminal())):
        return nullcontext(ignore)
    return _opened("bars", None, closure, store)


@contextmanager
def watching(mode: Mode | None, stream: TextIO | None = None) -> Iterator[None]:
    """Lets calls of realize inside the block show what they do in one way; for programs.

    "bars" are lines where there is no terminal; None leaves it to the calls. `stream` is for
    "lines" (default: standard error) and "json" (default: standard output).
    """
    before = Watch.open
    if mode is not None:
        Watch.open = staticmethod(_opener(mode, stream))
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


def _opener(mode: Mode, stream: TextIO | None) -> Open:
    return lambda closure, store, wanted: _opened(mode, stream, closure, store)


def _opened(
    mode: Mode, stream: TextIO | None, closure: Closure, store: StoreProtocol
) -> AbstractContextManager[Listener]:
    if mode == "none":
        return nullcontext(ignore)
    from . import displays

    show = {"bars": displays.drawn, "lines": displays.in_lines, "json": displays.in_json}[mode]
    return show(closure, store, stream)


def open_single() -> AbstractContextManager[Listener]:
    """The listener of what goes on alone: one bar in a terminal, else nothing."""
    if not on_terminal():
        return nullcontext(ignore)
    from .single import single_bar  # rich, when there is something to draw

    return single_bar()


Watch.open = staticmethod(open_watch)
Watch.single = staticmethod(open_single)
