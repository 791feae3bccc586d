"""In threads: calls that wait for the disk, several at a time.

ET1  Each item is acted on, or an error is raised: the first one that came, after all threads have
     ended.
ET2  An exception at any instruction, as Ctrl-C raises one, leaves no thread that waits for ever.
"""

import _thread  # `Thread.start` takes a lock that an interruption may leave taken
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def each(items: Iterable[T], act: Callable[[T], object], helpers: int) -> None:
    """Calls `act` with each item, in this thread and in so many helpers at most."""
    # No executor: Python has none any more when the main thread has ended, and others still build.
    left, errors, ended = deque(items), list[BaseException](), SimpleQueue[None]()

    def help_out() -> None:
        _some(left, act, errors)
        ended.put(None)

    count = 0
    try:
        with suppress(RuntimeError):  # the system allows no more threads
            for _ in range(min(helpers, len(left) - 1)):
                _thread.start_new_thread(help_out, ())
                count += 1
        _some(left, act, errors)
    finally:
        left.clear()
        for _ in range(count):
            ended.get()
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
