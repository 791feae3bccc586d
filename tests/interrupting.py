"""Signals whose handler raises, at any moment of some work."""

import signal
from collections.abc import Callable


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
