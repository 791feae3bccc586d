"""Watching: whether and how calls of realize show their progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal, TextIO

from ...core.events import Listener, ignore
from ...core.later import later
from ...store.defaults import Display, displaying
from .terminal import in_notebook, on_terminal

if TYPE_CHECKING:
    from ...core.derivation import Closure
    from ...core.ports import StoreReader
    from . import displays
else:
    later(globals(), ".displays")  # most calls build nothing, and show nothing

Mode = Literal["bars", "lines", "json", "none"]


def display(
    closure: Closure, store: StoreReader, wanted: bool | None
) -> AbstractContextManager[Listener]:
    """The display of a call whose `progress` is `wanted`."""
    if wanted is False or (wanted is None and not (in_notebook() or on_terminal())):
        return nullcontext(ignore)
    return _in_mode("bars", None)(closure, store, wanted)


@contextmanager
def watching(mode: Mode | None, stream: TextIO | None = None) -> Iterator[None]:
    """Inside the block, calls of realize show their progress in this way; for programs.

    "bars" gives lines where there is no terminal; None lets each call choose. `stream` is for
    "lines" (default: standard error) and "json" (default: standard output).
    """
    with nullcontext() if mode is None else displaying(_in_mode(mode, stream)):
        yield


def _in_mode(mode: Mode, stream: TextIO | None) -> Display:
    if mode == "none":
        return lambda closure, store, wanted: nullcontext(ignore)
    show = {"bars": displays.drawn, "lines": displays.in_lines, "json": displays.in_json}[mode]
    return lambda closure, store, wanted: show(closure, store, stream)


def bar() -> AbstractContextManager[Listener]:
    """The display of a command that does one thing: a bar in a terminal, else nothing."""
    if not on_terminal():
        return nullcontext(ignore)
    from .single import single_bar  # late for weight: rich

    return single_bar()
