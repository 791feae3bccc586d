"""Watching: whether calls of realize show what they do, and in which way."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal, TextIO

from ...core.derivation import Closure
from ...core.events import Listener, ignore
from ...core.ports import StoreReader
from ...store.defaults import Display, displaying
from .terminal import in_notebook, on_terminal

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
    """Lets calls of realize inside the block show what they do in one way; for programs.

    "bars" are lines where there is no terminal; None leaves it to the calls. `stream` is for
    "lines" (default: standard error) and "json" (default: standard output).
    """
    with nullcontext() if mode is None else displaying(_in_mode(mode, stream)):
        yield


def _in_mode(mode: Mode, stream: TextIO | None) -> Display:
    if mode == "none":
        return lambda closure, store, wanted: nullcontext(ignore)
    from . import displays  # late for weight: most calls find everything there, and show nothing

    show = {"bars": displays.drawn, "lines": displays.in_lines, "json": displays.in_json}[mode]
    return lambda closure, store, wanted: show(closure, store, stream)


def bar() -> AbstractContextManager[Listener]:
    """The display of one thing that goes on alone: a bar in a terminal, else nothing."""
    if not on_terminal():
        return nullcontext(ignore)
    from .single import single_bar  # late for weight: rich

    return single_bar()
