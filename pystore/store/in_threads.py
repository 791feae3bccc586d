"""In threads: calls that wait for the disk, several at a time.

TH1  Each item is acted on, or an error is raised: the first one that came, after all threads have
     ended.
"""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def each(items: Iterable[T], act: Callable[[T], object], helpers: int) -> None:
    """Calls `act` with each item, in this thread and in so many helpers at most."""
    # No executor: Python has none any more when the main thread has ended, and others still build.
    left, errors, threads = deque(items), list[BaseException](), list[Thread]()
    try:
        with suppress(RuntimeError):  # the system allows no more threads
            for _ in range(min(helpers, len(left) - 1)):
                helper = Thread(target=_some, args=(left, act, errors))
                helper.start()
                threads.append(helper)
        _some(left, act, errors)
    finally:
        left.clear()
        for helper in threads:
            helper.join()
    if errors:
        raise errors[0]


def _some(left: deque[T], act: Callable[[T], object], errors: list[BaseException]) -> None:
    """Acts on what is left, until nothing is, or one error has come."""
    try:
        while left:
            try:
                item = left.popleft()
            except IndexError:
                return  # another thread was quicker
            act(item)
    except BaseException as error:  # the caller raises it
        errors.append(error)
        left.clear()
