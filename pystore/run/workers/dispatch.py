"""Dispatch to other processes: jobs go out, answers come back."""

import threading
from collections.abc import Iterable
from concurrent.futures import CancelledError, Executor, Future, wait
from functools import partial
from typing import Any

from ...core.context import Context
from ...core.derivation import Derivation
from ...core.events import AttemptFailed, Event
from ...store.address import Address
from ...store.commit import Committed
from ...store.ports import StoreProtocol
from ...store.stopping import record_stopped
from ...store.store import Store
from ..dispatch import Begun, Dispatch, lost, wave
from ..options import RunOptions
from ..request import Request
from .answer import Answer
from .job import Packer, committed_by, perform
from .pool import Workers
from .remotely import perform_remotely


def dispatch_to(executor: Executor, store: StoreProtocol, options: RunOptions) -> Dispatch:
    """The way to work with an executor of processes."""
    if isinstance(executor, Workers):
        return _ToWorkers(executor, store, options)
    return _ToOthers(executor, store, options)


class _ToOthers:
    """Attempts in the processes of an executor of any kind, perhaps of other machines."""

    def __init__(self, executor: Executor, store: StoreProtocol, options: RunOptions) -> None:
        self._executor, self._options = executor, options
        self._address, self._packer = Address.of(store), Packer()
        self.most = wave()

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Raises BadStage when a realizer cannot be sent."""
        for derivation in derivations:
            self._packer.pack(derivation)

    def start(self, request: Request, begun: Begun) -> None:
        """Starts one attempt, whose events are told when it has ended."""
        job = self._packer.job(request, self._address, self._options.timeout)
        try:
            begun(self._settled(self._executor.submit(perform_remotely, job)))
        except Exception as error:  # an executor that has broken, or was shut down
            failed: Future[Committed] = Future()
            failed.set_exception(lost(error))
            begun(failed)

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """Waits for nothing: the executor is the caller's. What runs is committed."""

    def _settled(self, sent: Future[Answer]) -> Future[Committed]:
        future = _Linked(sent)

        def settle(done: Future[Answer]) -> None:
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
                    self._options.listener(event)
                answer.settle(future)
            except BaseException as error:  # a listener's SystemExit; the executor's thread goes on
                future.set_exception(error)

        sent.add_done_callback(settle)
        return future


class _Linked(Future[Committed]):
    """The future of a commit, which is cancelled when the job that it waits for can be."""

    def __init__(self, sent: Future[Answer]) -> None:
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


class _ToWorkers(_ToOthers):
    """Attempts in worker processes of this machine, which tell of events as they happen."""

    def __init__(self, executor: Workers, store: StoreProtocol, options: RunOptions) -> None:
        super().__init__(executor, store, options)
        self._workers, self._store = executor, store
        self.most = min(4 * executor.size, self.most)

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Raises BadStage when a realizer cannot be sent, or wants what this machine has not."""
        for derivation in derivations:
            self._workers.slots.check(derivation.terms, derivation.dref)
            self._packer.pack(derivation)

    def start(self, request: Request, begun: Begun) -> None:
        """Starts one attempt."""
        job = self._packer.job(request, self._address, self._options.timeout)
        future: Future[Any] = Future()
        begun(future)  # Ctrl-C may come while it is started
        try:
            self._workers.start(
                perform,
                (job,),
                terms=request.derivation.terms,
                timeout=job.timeout,
                tries=request.tries,
                listener=partial(self._hear, request.context),
                committed=partial(committed_by, self._store, request.context),
                future=future,
            )
        except RuntimeError as error:  # they were shut down
            future.set_exception(lost(error))

    def _hear(self, context: Context, event: Event) -> None:
        if isinstance(event, AttemptFailed) and event.stopped and isinstance(self._store, Store):
            record_stopped(self._store, event.dref, context, event.number, event.error)
        self._options.listener(event)

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """Waits for the attempts that run, until a second Ctrl-C, which kills them."""
        try:
            wait(running)
        except KeyboardInterrupt:
            self._workers.kill()
