"""Work on several items in threads, with results in order.

PR1  Results come in the order of the items; few items are under way at a time.
PR2  An item that takes too long is given up. Its thread stays behind, and does not keep the
    program from ending.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TypeVar

from ...core.errors import FetchError

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    patience: float | None = None,
) -> Iterator[tuple[Item, Result]]:
    """Each item with the result of `work`, in order; takes from `items` only when needed.

    An error of `work` is raised. Raises FetchError when a result takes longer than `patience` [s].
    """
    todo: SimpleQueue[tuple[Item, Future[Result]] | None] = SimpleQueue()
    ended = threading.Event()

    def labour() -> None:
        while (task := todo.get()) is not None:
            if not ended.is_set():
                _work_on(work, *task)

    waiting: deque[tuple[Item, Future[Result]]] = deque()
    started = 0
    try:
        for item in items:
            waiting.append((item, Future()))
            todo.put(waiting[-1])
            if started < workers:
                # Not a ThreadPoolExecutor: at exit, Python would wait for its threads (PR2).
                threading.Thread(target=labour, daemon=True).start()
                started += 1
            if len(waiting) > workers + 2:
                item, future = waiting.popleft()
                yield item, _result(future, patience)
        while waiting:
            item, future = waiting.popleft()
            yield item, _result(future, patience)
    finally:
        ended.set()
        for _ in range(started):
            todo.put(None)


def _work_on(work: Callable[[Item], Result], item: Item, future: Future[Result]) -> None:
    try:
        future.set_result(work(item))
    except BaseException as error:  # `_result` raises it
        future.set_exception(error)


def _result(future: Future[Result], patience: float | None) -> Result:
    if not wait([future], patience).done:
        raise FetchError(
            "no answer in time", waited=f"{patience} s", remedy="try again, or another remote"
        )
    return future.result()


def in_time(work: Callable[[], Result], patience: float | None) -> Result:
    """The result of `work`. Raises FetchError when it takes longer than `patience` [s]."""
    return next(each(lambda _: work(), [None], 1, patience))[1]
