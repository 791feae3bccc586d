"""Dispatch: how the loop starts attempts. The attempts of this process are started here."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from contextlib import nullcontext
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from ..core.attempt import Committed
from ..core.derivation import Derivation
from ..core.errors import WorkerDied
from ..store.disk import fresh_name
from ..store.staging import Builder
from .attempt import attempt
from .interrupts import deferred
from .options import RunOptions
from .provenance import begin_call
from .request import Request

P = ParamSpec("P")
T = TypeVar("T")
Register = Callable[[Future[Committed]], None]

_WAVE = 256  # attempts that an executor of unknown size is given at one time


def wave() -> int:
    """How many attempts may be given out at one time: each has a lock, which is an open file."""
    from resource import RLIMIT_NOFILE, getrlimit

    limit, _ = getrlimit(RLIMIT_NOFILE)
    return _WAVE if limit < 0 else max(1, min(_WAVE, limit // 4))


class NotBegun(Exception):
    """An attempt has not begun, or its process ended for another one: it is to be sent again."""


class Dispatch(Protocol):
    """A way to make attempts."""

    most: int  # attempts that may run at one time

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Raises BadStage, before anything runs, when one of the derivations could not run."""

    def start(self, request: Request, register: Register) -> None:
        """Starts one attempt, and gives its future to `register`."""

    def flush(self) -> float | None:
        """Sends what was started and waits for others, or returns how long it may still wait [s].

        To be called before the caller does anything that may take long.
        """

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """After Ctrl-C: waits for the running attempts, unless the executor is the caller's."""


class SerialExecutor(Executor):
    """An executor that runs each call in the thread of the caller, before `submit` returns.

    Only an Exception is caught: Ctrl-C ends the caller, as it does without an executor.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The finished future of `fn(*args, **kwargs)`."""
        future: Future[Any] = Future()
        try:
            result = fn(*args, **kwargs)
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return future


class Here:
    """Attempts in this process, with the objects of the caller."""

    def __init__(self, executor: Executor, store: Builder, options: RunOptions) -> None:
        self._executor, self._store, self._options = executor, store, options
        self.most = wave()
        begin_call(fresh_name())

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Does nothing: each realizer can run here."""

    def start(self, request: Request, register: Register) -> None:
        """Gives the future to `register`, then starts: Ctrl-C may come during the start."""
        future: Future[Committed] = Future()
        register(future)
        given = self._options
        make = partial(
            attempt, request, self._store, given.listener, capture=given.capture, stop=given.stop
        )
        work = partial(_settle, future, make)
        # What is sent to other threads is sent whole; what runs in this one can be interrupted.
        with nullcontext() if isinstance(self._executor, SerialExecutor) else deferred():
            try:
                sent = self._executor.submit(work)
                if not sent.done():
                    return sent.add_done_callback(partial(_end, future))
                _end(future, sent)
            except RuntimeError as error:  # the executor was shut down
                future.set_exception(lost(error))
            finally:
                del future, make, work  # the traceback of an error must not keep what keeps it

    def flush(self) -> None:
        """Does nothing: no attempt waits for others."""

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """Does nothing: the executor is the caller's."""


def _settle(future: Future[Committed], make: Callable[[], Committed]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        made = make()
    except BaseException as error:
        future.set_exception(error)
        if not isinstance(error, Exception):
            raise  # Ctrl-C in the caller's own thread ends the caller
    else:
        future.set_result(made)  # who presses Ctrl-C now does not interrupt the attempt
    finally:
        del future, make  # else the error would keep itself, by its traceback


def _end(future: Future[Committed], sent: Future[None]) -> None:
    """Ends the future of an attempt that its executor has cancelled or not finished.

    Raises an exception that came too late for the future, such as one of a signal handler.
    """
    if sent.cancelled():
        future.cancel()
    elif (error := sent.exception()) is not None:
        if future.done() and future.exception() is not error:
            raise error
        if not future.done():
            future.set_exception(error)


def lost(error: BaseException) -> WorkerDied:
    """The error of an attempt that its executor will not finish."""
    lost = WorkerDied(
        "the executor lost the job",
        because=f"{type(error).__name__}: {error}"[:500],
        remedy="look at its workers; what had been committed is kept: realize again",
    )
    lost.__cause__ = error
    return lost
