"""Signals whose handler raises, at any moment of some work."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any


def interrupted(
    work: Callable[[], object], times: int, after: float, error: type[BaseException]
) -> None:
    """Does some work again and again, until a signal has raised `error` out of it so many times.

    Each signal comes `after` so many seconds. What Python raises in a finalizer or in a callback of
    a weak reference is lost, whatever the work does: such a signal does not count. AssertionError
    where the work has swallowed the error.
    """
    heard = ignored = False

    def interrupt(*_: object) -> None:
        nonlocal heard
        heard = True
        raise error

    def ignore(lost: Any) -> None:
        nonlocal ignored
        if isinstance(lost.exc_value, error):
            ignored = True
        else:
            before(lost)

    def work_on() -> None:
        """Python 3.13 may leave a `try` by a signal that comes where a loop in it jumps back."""
        while not heard:
            work()

    stopped, old, before = 0, signal.signal(signal.SIGALRM, interrupt), sys.unraisablehook
    sys.unraisablehook = ignore
    try:
        while stopped < times:
            heard = ignored = False
            try:
                signal.setitimer(signal.ITIMER_REAL, after)
                work_on()
            except error:
                stopped += 1
            else:
                assert ignored, "the work has swallowed what the handler raised"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
        sys.unraisablehook = before


came = threading.Event()  # Ctrl-C, as below


@contextmanager
def pressed_in_a_lock() -> Iterator[list[Future[object]]]:
    """Ctrl-C comes when the main thread has first taken the lock of a future that goes on.

    Gives a list, which has that future then.
    """
    enter, make = threading.Condition.__enter__, Future.__init__
    owners: dict[threading.Condition, Future[object]] = {}
    pressed: list[Future[object]] = []

    def made(self: Future[object]) -> None:
        make(self)
        owners[self._condition] = self

    def entered(self: threading.Condition) -> bool:
        held, owner = enter(self), owners.get(self)
        if owner is None or owner._state == "FINISHED":
            return held
        if not pressed and threading.current_thread() is threading.main_thread():
            pressed.append(owner)
            came.set()
            signal.raise_signal(signal.SIGINT)
        return held

    Future.__init__, threading.Condition.__enter__ = made, entered
    try:
        yield pressed
    finally:
        Future.__init__, threading.Condition.__enter__ = make, enter
