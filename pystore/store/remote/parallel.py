"""Crew: several threads that carry things, while one waits for them in order.

PR1  Results come in the order of the items; few items are under way at a time.
PR2  What takes too long is given up: its thread is left behind, and keeps no program from ending.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

from ...core.errors import FetchError

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Task(Generic[Item, Result]):
    """One item, and what became of it."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = threading.Event()
        self.result: list[Result] = []
        self.error: BaseException | None = None

    def run(self, work: Callable[[Item], Result]) -> None:
        try:
            self.result.append(work(self.item))
        except BaseException as error:  # the one who waits for it gets it
            self.error = error
        self.done.set()

    def wait(self, patience: float | None) -> Result:
        if not self.done.wait(patience):
            raise FetchError(
                "no answer in time", waited=f"{patience} s", remedy="try again, or another remote"
            )
        if self.error is not None:
            raise self.error
        return self.result[0]


def each(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    patience: float | None = None,
) -> Iterator[tuple[Item, Result]]:
    """Each item with the result of `work`, in order; `items` are taken as they are needed.

    Raises what `work` raises; FetchError when a result takes longer than `patience` [s].
    """
    if workers == 1 and patience is None:
        yield from ((item, work(item)) for item in items)
    else:
        yield from _together(work, items, workers, patience)


def _together(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, patience: float | None
) -> Iterator[tuple[Item, Result]]:
    todo: SimpleQueue[_Task[Item, Result] | None] = SimpleQueue()
    ended = threading.Event()

    def labour() -> None:
        while (task := todo.get()) is not None:
            if not ended.is_set():
                task.run(work)

    waiting: deque[_Task[Item, Result]] = deque()
    started = 0
    try:
        for item in items:
            waiting.append(_Task(item))
            todo.put(waiting[-1])
            if started < workers:
                # Not a ThreadPoolExecutor: at exit, Python waits for its threads for ever.
                threading.Thread(target=labour, daemon=True).start()
                started += 1
            if len(waiting) > workers + 2:
                task = waiting.popleft()
                yield task.item, task.wait(patience)
        while waiting:
            task = waiting.popleft()
            yield task.item, task.wait(patience)
    finally:
        ended.set()
        for _ in range(started):
            todo.put(None)


def in_time(work: Callable[[], Result], patience: float | None) -> Result:
    """The result of `work`. Raises FetchError when it takes longer than `patience` [s]."""
    return next(each(lambda _: work(), [None], 1, patience))[1]
