"""Dispatch: how the loop starts attempts. Here: those of this process."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Protocol

from ..core.derivation import Derivation
from ..core.errors import WorkerDied
from ..store.commit import Committed
from ..store.ports import StoreProtocol
from .attempt import attempt
from .executor import SerialExecutor
from .options import RunOptions
from .request import Request

Begun = Callable[[Future[Committed]], None]

_WAVE = 256  # attempts that an executor of unknown size is given at one time


def wave() -> int:
    """How many attempts may be given out at one time: each has a lock, which is an open file."""
    from resource import RLIMIT_NOFILE, getrlimit

    limit, _ = getrlimit(RLIMIT_NOFILE)
    return _WAVE if limit < 0 else max(1, min(_WAVE, limit // 4))


class Dispatch(Protocol):
    """How to make one attempt."""

    most: int  # attempts to start before one has ended

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Raises BadStage when one of these could not be run, before anything is."""

    def start(self, request: Request, begun: Begun) -> None:
        """Starts one attempt, and tells its future."""

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """After Ctrl-C: waits for the attempts that run, where the executor is not the caller's."""


def dispatch_of(store: StoreProtocol, options: RunOptions) -> Dispatch:
    """The way to work with the executor of these options."""
    executor = options.executor or SerialExecutor()
    if isinstance(executor, (SerialExecutor, ThreadPoolExecutor)):
        return _Here(executor, store, options)
    from .workers.dispatch import dispatch_to  # late for weight: not all send

    return dispatch_to(executor, store, options)


class _Here:
    """Attempts in this process, with its own objects."""

    def __init__(self, executor: Executor, store: StoreProtocol, options: RunOptions) -> None:
        self._executor, self._store, self._options = executor, store, options
        self.most = wave()

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Whatever can be called can be run."""

    def start(self, request: Request, begun: Begun) -> None:
        """Tells the future of one attempt, then starts it: Ctrl-C may come while it is started."""
        future: Future[Committed] = Future()
        begun(future)
        given = self._options
        make = partial(
            attempt, request, self._store, given.listener, capture=given.capture, stop=given.stop
        )
        work = partial(_settle, future, make)
        try:
            sent = self._executor.submit(work)
            if sent.done():
                _end(future, sent)
            else:
                sent.add_done_callback(partial(_end, future))
        except RuntimeError as error:  # it was shut down
            future.set_exception(lost(error))
        finally:
            del future, make, work  # the traceback of an error must not keep what keeps the error

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """Waits for nothing: the executor is the caller's."""


def _settle(future: Future[Committed], make: Callable[[], Committed]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(make())
    except BaseException as error:
        future.set_exception(error)
        if not isinstance(error, Exception):
            raise  # Ctrl-C in the caller's own thread ends the caller
    finally:
        del future, make  # else the error would keep itself, by its traceback


def _end(future: Future[Committed], sent: Future[None]) -> None:
    """Ends the wait for an attempt that its executor has cancelled, or has not brought to an end.

    Raises an exception that came too late for the future, as a signal handler's may.
    """
    if sent.cancelled():
        future.cancel()
    elif (error := sent.exception()) is not None:
        if future.done() and future.exception() is not error:
            raise error
        if not future.done():
            future.set_exception(error)


def lost(error: BaseException) -> WorkerDied:
    """The error of an attempt whose executor will not bring it to an end."""
    lost = WorkerDied(
        "the executor lost the job",
        because=f"{type(error).__name__}: {error}"[:500],
        remedy="look at its workers; what had been committed is kept: realize again",
    )
    lost.__cause__ = error
    return lost
