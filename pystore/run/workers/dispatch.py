"""Starts attempts in other processes: jobs are sent, answers come back."""

import threading
from collections.abc import Iterable
from concurrent.futures import CancelledError, Executor, Future, wait
from functools import partial
from typing import Any

from ...core.attempt import Committed
from ...core.context import Context
from ...core.dataclasses import replace
from ...core.derivation import Derivation
from ...core.events import AttemptFailed, Event, Listener, Metric, Progress
from ...store.address import Address
from ...store.staging import Builder
from ...store.stopping import record_stopped
from ...store.store import Store
from ..dispatch import Dispatch, Register, lost, wave
from ..interrupts import deferred
from ..options import RunOptions
from ..request import Request
from .answer import Answer
from .job import Job, Packer, committed_by, perform
from .pool import Workers

_PATIENCE = 0.1  # [s] between two looks whether what runs is to be ended


def dispatch_to(executor: Executor, store: Builder, options: RunOptions) -> Dispatch:
    """The way to make attempts with an executor of processes."""
    if isinstance(executor, Workers):
        return _ToWorkers(executor, store, options)
    return _ToOthers(executor, store, options)


class _ToOthers:
    """Attempts in the processes of any executor, perhaps on other machines."""

    def __init__(self, executor: Executor, store: Builder, options: RunOptions) -> None:
        self._executor, self._options = executor, options
        self._address, self._packer = Address.of(store), Packer()
        self.most = wave()

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Raises BadStage when a realizer cannot be sent."""
        for derivation in derivations:
            self._packer.pack(derivation)

    def start(self, request: Request, register: Register) -> None:
        """Starts one attempt; its events are told when it has ended."""
        job = self._packer.job(request, self._address, self._options.timeout)
        with deferred():  # around all of it: what a handler raises is no fault of the executor
            try:
                sent = self._executor.submit(perform_remotely, job)
            except Exception as error:  # the executor is broken, or was shut down
                failed: Future[Committed] = Future()
                failed.set_exception(lost(error))
                register(failed)
            else:
                register(self._settled(sent))

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """Does nothing: the executor is the caller's, and running attempts are committed."""

    def _settled(self, sent: Future[Answer]) -> Future[Committed]:
        future = _Linked(sent)

        def settle(done: Future[Answer]) -> None:
            if not future.begins():
                return
            error = CancelledError("it was cancelled") if done.cancelled() else done.exception()
            if error is not None:
                future.set_exception(lost(error))
                return
            answer = done.result()
            try:
                for event in answer.events:
                    self._options.listener(event)
                answer.settle(future)
            except (
                BaseException
            ) as error:  # a listener may raise SystemExit in the executor's thread
                future.set_exception(error)

        sent.add_done_callback(settle)
        return future


class _Linked(Future[Committed]):
    """The future of an attempt; it can be cancelled when its job can."""

    def __init__(self, sent: Future[Answer]) -> None:
        super().__init__()
        self._sent = sent
        self._deciding = threading.RLock()  # the job may end while it is cancelled
        self._given_up = False  # by the caller, not by the executor

    def begins(self) -> bool:
        """Whether the caller still waits; from now on, it cannot cancel."""
        with self._deciding:
            return not self._given_up and self.set_running_or_notify_cancel()

    def cancel(self) -> bool:
        """Whether the job was cancelled."""
        with self._deciding:
            if self.done() or self.running():
                return self.cancelled()
            self._given_up = True
            self._given_up = self._sent.cancel()
            return self._given_up and super().cancel()


class _ToWorkers(_ToOthers):
    """Attempts in worker processes of this machine, which tell events as they happen."""

    def __init__(self, executor: Workers, store: Builder, options: RunOptions) -> None:
        super().__init__(executor, store, options)
        self._workers, self._store = executor, store
        self.most = min(4 * executor.size, self.most)

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Raises BadStage when a realizer cannot be sent, or needs more than this machine has."""
        for derivation in derivations:
            self._workers.slots.check(derivation.resources, derivation.dref)
            self._packer.pack(derivation)

    def start(self, request: Request, register: Register) -> None:
        """Starts one attempt."""
        job = self._packer.job(request, self._address, self._options.timeout)
        future: Future[Any] = Future()
        register(future)  # first: Ctrl-C may come during the start
        with deferred():
            try:
                self._workers.start(
                    perform,
                    (job,),
                    resources=request.derivation.resources,
                    timeout=job.timeout,
                    tries=request.tries,
                    listener=partial(self._hear, request.context),
                    committed=partial(committed_by, self._store, request.context),
                    future=future,
                )
            except RuntimeError as error:  # the workers were shut down
                future.set_exception(lost(error))

    def _hear(self, context: Context, event: Event) -> None:
        if isinstance(event, AttemptFailed) and event.stopped and isinstance(self._store, Store):
            record_stopped(self._store, event.dref, context, event.number, event.error)
        self._options.listener(event)

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """Waits for the running attempts; a second Ctrl-C, or a second call to stop, kills them."""
        try:
            while not self._options.stopped_at_once:
                with deferred():
                    if not wait(running, timeout=_PATIENCE).not_done:
                        return
            self._workers.kill()
        except KeyboardInterrupt:
            self._workers.kill()


def perform_remotely(job: Job) -> Answer:
    """Makes the attempt where no listener can be reached: the events come with the answer.

    A job with a timeout runs in a worker process of its own, which can be stopped.
    """
    heard: dict[object, Event] = {}

    def hear(event: Event) -> None:
        if isinstance(event, Metric):  # there may be many: the last of each name is told
            heard.pop(event.name, None)
            heard[event.name] = event
        elif not isinstance(event, Progress):
            heard[len(heard)] = event

    answer = perform(job, hear) if job.timeout is None else _perform_in_worker(job, hear)
    return replace(answer, events=tuple(heard.values()))


def _perform_in_worker(job: Job, listener: Listener) -> Answer:
    try:
        committed = partial(committed_by, job.store.open(), Context(job.inputs))
        with Workers(1) as own:
            future = own.start(
                perform,
                (job,),
                timeout=job.timeout,
                tries=job.tries,
                listener=listener,
                committed=committed,
            )
            return Answer(future.result())
    except BaseException as error:
        return Answer.of(error)
