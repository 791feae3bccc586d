"""Signals whose handler raises, at any moment of some work."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager


def interrupted(
    work: Callable[[], object], times: int, after: float, error: type[BaseException]
) -> int:
    """Does some work again and again, `times` times until a signal raises `error` in it.

    That comes `after` so many seconds. Returns how often it came.
    """

    def interrupt(*_: object) -> None:
        raise error

    stopped, old = 0, signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(times):
            try:
                signal.setitimer(signal.ITIMER_REAL, after)
                while True:
                    work()
            except error:
                stopped += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    return stopped


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
