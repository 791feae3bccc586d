"""Interrupts: short parts of the main thread's work that no handler of a signal cuts.

A handler may raise between two steps of Python, also after a lock of a future or of an event has
been taken and before its `with` has begun. Nobody frees that lock then, and the thread that would
end the future waits for ever.

DH1  A signal that comes inside the block is handled when the block has ended, and none is lost.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_RAISING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # their handlers usually raise


@contextmanager
def deferred() -> Iterator[None]:
    """Puts the handlers of these signals off until the block has ended; for short blocks."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread
        return
    held: list[tuple[int, FrameType | None]] = []
    over = False

    def hold(number: int, frame: FrameType | None) -> None:
        if over:  # another handler has raised before this one was put back
            before[number](number, frame)
        else:
            held.append((number, frame))

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
