"""Dispatch: where attempts run. Here, in an executor's processes, or in workers of ours."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ..core.context import Context
from ..core.derivation import Derivation
from ..core.errors import WorkerDied
from ..core.events import AttemptFailed, Event, Listener
from ..store.commit import Committed
from ..store.ports import StoreProtocol
from ..store.stopping import record_stopped
from ..store.store import Store
from .attempt import attempt
from .executor import SerialExecutor
from .request import Request

if TYPE_CHECKING:
    from .workers.job import Answer
    from .workers.pool import Workers

Begun = Callable[[Future[Committed]], None]

_WAVE = 256  # attempts that an executor of unknown size is given at one time


def _wave() -> int:
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
        """After Ctrl-C: waits for what runs, if that is ours to wait for."""


def dispatch_of(
    executor: Executor,
    store: StoreProtocol,
    listener: Listener,
    capture: bool,
    timeout: float | None,
) -> Dispatch:
    """The way to work with this executor; `timeout` [s] holds where a derivation says nothing."""
    if isinstance(executor, (SerialExecutor, ThreadPoolExecutor)):
        return _Here(executor, store, listener, capture)
    from .workers.pool import Workers

    if isinstance(executor, Workers):
        return _Workers(executor, store, listener, timeout)
    return _Elsewhere(executor, store, listener, timeout)


class _Here:
    """In this process, with its own objects."""

    def __init__(
        self, executor: Executor, store: StoreProtocol, listener: Listener, capture: bool
    ) -> None:
        self._executor, self._store = executor, store
        self._listener, self._capture = listener, capture
        self.most = _wave()

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Whatever can be called can be run."""

    def start(self, request: Request, begun: Begun) -> None:
        """Tells the future of one attempt, then starts it: Ctrl-C may come while it is started."""
        future: Future[Committed] = Future()
        begun(future)
        make = partial(attempt, request, self._store, self._listener, capture=self._capture)
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
    """Ends the wait for what an executor has cancelled, or what never came to be settled.

    Raises what came too late for the future, as a signal handler may: else it would be lost.
    """
    if sent.cancelled():
        future.cancel()
    elif (error := sent.exception()) is not None:
        if future.done() and future.exception() is not error:
            raise error
        if not future.done():
            future.set_exception(error)


class _Elsewhere:
    """In other processes, perhaps of other machines: jobs go out, answers come back."""

    def __init__(
        self,
        executor: Executor,
        store: StoreProtocol,
        listener: Listener,
        timeout: float | None,
    ) -> None:
        from ..store.address import Address
        from .workers.job import Packer

        self._executor, self._listener, self._timeout = executor, listener, timeout
        self._address, self._packer = Address.of(store), Packer()
        self.most = _wave()

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Raises BadStage when a realizer cannot be sent."""
        for derivation in derivations:
            self._packer.pack(derivation)

    def start(self, request: Request, begun: Begun) -> None:
        """Starts one attempt, whose events are told when it has ended."""
        from .workers.job import perform_elsewhere

        job = self._packer.job(request, self._address, self._timeout)
        try:
            begun(self._settled(self._executor.submit(perform_elsewhere, job)))
        except Exception as error:  # an executor that has broken, or was shut down
            failed: Future[Committed] = Future()
            failed.set_exception(lost(error))
            begun(failed)

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """Waits for nothing: the executor is the caller's. What runs is committed."""

    def _settled(self, sent: "Future[Answer]") -> Future[Committed]:
        future = _Linked(sent)

        def settle(done: "Future[Answer]") -> None:
            if not future.begins():
                return
            if done.cancelled():
                future.set_exception(lost(CancelledError("it was cancelled")))
                return
            if (error := done.exception()) is not None:
                future.set_exception(lost(error))
                return
            answer = done.result()
            try:
                for event in answer.events:
                    self._listener(event)
                answer.settle(future)
            except BaseException as error:  # the listener's own; the executor's thread goes on
                future.set_exception(error)

        sent.add_done_callback(settle)
        return future


class _Linked(Future[Committed]):
    """The future of a commit, which is cancelled when the job that it waits for can be."""

    def __init__(self, sent: "Future[Answer]") -> None:
        super().__init__()
        self._sent = sent
        self._deciding = threading.RLock()  # the executor may tell the end while we cancel
        self._given_up = False  # by us, and not by the executor

    def begins(self) -> bool:
        """Whether somebody waits for what has ended, and now gets it."""
        with self._deciding:
            return not self._given_up and self.set_running_or_notify_cancel()

    def cancel(self) -> bool:
        """Whether nobody waits for the job any more."""
        with self._deciding:
            if self.done() or self.running():
                return self.cancelled()
            self._given_up = True
            self._given_up = self._sent.cancel()
            return self._given_up and super().cancel()


def lost(error: BaseException) -> WorkerDied:
    """The error of an attempt whose executor will not bring it to an end."""
    lost = WorkerDied(
        "the executor lost the job",
        because=f"{type(error).__name__}: {error}"[:500],
        remedy="look at its workers; what had been committed is kept: realize again",
    )
    lost.__cause__ = error
    return lost


class _Workers(_Elsewhere):
    """In worker processes of this machine, which tell what goes on."""

    def __init__(
        self,
        executor: "Workers",
        store: StoreProtocol,
        listener: Listener,
        timeout: float | None,
    ) -> None:
        super().__init__(executor, store, listener, timeout)
        self._workers, self._store = executor, store
        self.most = min(4 * executor.size, self.most)

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Raises BadStage when a realizer cannot be sent, or wants what this machine has not."""
        for derivation in derivations:
            self._workers.slots.check(derivation.terms, derivation.dref)
            self._packer.pack(derivation)

    def start(self, request: Request, begun: Begun) -> None:
        """Starts one attempt."""
        from .workers.job import committed_by, perform

        job = self._packer.job(request, self._address, self._timeout)
        future: Future[Any] = Future()
        begun(future)  # Ctrl-C may come while it is started
        try:
            self._workers.start(
                perform,
                (job,),
                terms=replace(
                    request.derivation.terms, timeout=job.timeout, retries=request.tries.left
                ),
                listener=partial(self._hear, request.context),
                committed=partial(committed_by, self._store, request.context),
                future=future,
            )
        except RuntimeError as error:  # they were shut down
            future.set_exception(lost(error))

    def _hear(self, context: Context, event: Event) -> None:
        if isinstance(event, AttemptFailed) and event.stopped and isinstance(self._store, Store):
            record_stopped(self._store, event.dref, context, event.number, event.error)
        self._listener(event)

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """Waits for what runs, until a second Ctrl-C, which kills it."""
        try:
            wait(running)
        except KeyboardInterrupt:
            self._workers.kill()
