"""Lane: a thread that does one thing after another, for an event loop.

The threads of `concurrent.futures` are waited for when the program ends. A loader that hangs would
keep a service from ending, so a lane is a thread of its own that nobody waits for.
"""

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Lane:
    """A thread with a queue. It runs in the context of whoever has made it."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        run = copy_context().run
        threading.Thread(target=run, args=(self._work,), name=name, daemon=True).start()

    def run(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """What the function will return, or raise, when its turn has come."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            result: Any = None
            error: BaseException | None = None
            try:
                result = function(*arguments)
            except BaseException as raised:  # the loop gets it
                error = raised
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:
                pass  # the loop has ended, and nobody waits

        self._jobs.put(job)
        return future

    def end(self) -> None:
        """Ends the thread when its jobs are done."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # or it would be kept, with all that it holds, until the next one


def _settle(future: asyncio.Future[T], result: T, error: BaseException | None) -> None:
    if future.done():
        return  # cancelled
    if error is None:
        return future.set_result(result)
    if isinstance(error, StopIteration) or not isinstance(error, Exception):
        # A future takes no StopIteration; SystemExit would end the loop, and with it the service.
        told = RuntimeError(f"{type(error).__name__}: {error}")
        told.__cause__ = error
        return future.set_exception(told)
    future.set_exception(error)
