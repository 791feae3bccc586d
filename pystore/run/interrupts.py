"""Interrupts: short parts of the main thread's work that no handler of a signal cuts.

A handler may raise between two steps of Python, also after a lock of a future or of an event has
been taken and before its `with` has begun. Nobody frees that lock then, and the thread that would
end the future waits for ever.

DH1  A signal that comes inside the block is handled when the block has ended, and none is lost. A
    process that is forked inside the block handles its own at once: it never sees the end.
DH2  A block that takes long, as where an executor runs a job before `submit` returns, is cut by the
    next signal.
DH3  A wait ends once a second: of a signal that comes in the instant before it, Python tells only
    when it has ended.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

_RAISING = (  # their handlers usually raise
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2,
)  # fmt: skip
UNHEARD = 1.0  # [s] for which a signal may go unheard (DH3)
_SHORT = 2.0  # [s] after which a signal is not put off


@contextmanager
def deferred() -> Iterator[None]:
    """Puts the handlers of these signals off until the block has ended; for short blocks."""
    if not _handles_signals():
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    over, process, end = False, os.getpid(), monotonic() + _SHORT

    def hold(number: int, frame: FrameType | None) -> None:
        if over or os.getpid() != process:  # another handler has raised before this was put back
            before[number](number, frame)
            return
        held.append((number, frame))
        if monotonic() >= end:
            handle_held()

    def handle_held() -> None:
        while held:
            number, frame = held.pop(0)
            try:
                before[number](number, frame)
            finally:
                handle_held()

    before: dict[int, Any] = {number: signal.getsignal(number) for number in _RAISING}
    mine = [number for number, handler in before.items() if callable(handler)]
    try:
        for number in mine:
            signal.signal(number, hold)
        yield
    finally:
        over = True
        try:
            for number in mine:
                signal.signal(number, before[number])
        finally:
            handle_held()


def _handles_signals() -> bool:
    """Whether handlers run in this thread.

    Where another program has started Python, the main thread of `threading` may be another one.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    may: Any = signal.signal
    try:
        may(signal.SIGINT, None)  # sets nothing: it is refused, in other threads for another reason
    except TypeError:
        return True
    except ValueError:
        return False
    raise AssertionError("None is no handler")
