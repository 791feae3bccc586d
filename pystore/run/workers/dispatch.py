"""Starts attempts in other processes: jobs are sent, answers come back."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Executor, Future, wait
from functools import partial
from time import monotonic
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
from ..dispatch import Dispatch, NotBegun, Register, lost, wave
from ..interrupts import deferred
from ..options import RunOptions
from ..request import Request
from .answer import Answer
from .job import Job, Packer, committed_by, perform
from .pool import Workers
from .together import TOGETHER, Batch, Gathering, Member

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
        self._gathering = Gathering()
        self.most = wave()

    def check(self, derivations: Iterable[Derivation]) -> None:
        """Raises BadStage when a realizer cannot be sent."""
        for derivation in derivations:
            self._packer.pack(derivation)

    def start(self, request: Request, register: Register) -> None:
        """Starts one attempt, perhaps with others; its events are told when they have ended."""
        job = self._packer.job(request, self._address, self._options.timeout)
        member = Member()
        register(member)
        if self._gathering.add(job, member):
            self._send(job.realizer)

    def flush(self) -> float | None:
        """Sends what waits for others, or returns how long it may still wait [s]."""
        if patience := self._gathering.patience:
            return patience
        for realizer in self._gathering.realizers:
            self._send(realizer)
        return None

    def _send(self, realizer: bytes) -> None:
        with deferred():  # around all of it: what a handler raises is no fault of the executor
            for together in self._gathering.take(realizer):
                members = [member for _, member in together]
                jobs = tuple(job for job, _ in together)
                try:
                    sent = self._executor.submit(perform_remotely, jobs)
                except Exception as error:  # the executor is broken, or was shut down
                    _fail(members, partial(lost, error))
                    continue
                batch = Batch(realizer, members, sent)
                self._gathering.sent(batch)
                sent.add_done_callback(partial(self._settle, batch))

    def _settle(self, batch: Batch, done: Future[tuple[Answer, ...]]) -> None:
        if not batch.ends():
            self._gathering.was_cancelled(batch)
            return
        error = _error_of(done)
        if error is not None:
            self._gathering.was_lost(batch)
            alone = len(batch.members) == 1 or done.cancelled()
            _fail(batch.members, partial(lost, error) if alone else NotBegun)
            return
        answers = done.result()
        took = sum(answer.seconds for answer in answers)
        self._gathering.ended(batch, took / len(answers))
        for member, answer in zip(batch.members, answers, strict=False):
            self._answer(member, answer)
        _fail(batch.members[len(answers) :], NotBegun)

    def _answer(self, member: Member, answer: Answer) -> None:
        try:
            for event in answer.events:
                self._options.listener(event)
            answer.settle(member)
        except BaseException as error:  # a listener may raise SystemExit in the executor's thread
            member.set_exception(error)

    def finish(self, running: Iterable[Future[Committed]]) -> None:
        """Does nothing: the executor is the caller's, and running attempts are committed."""


def _error_of(done: Future[tuple[Answer, ...]]) -> BaseException | None:
    """Why there are no answers; None if there are."""
    if done.cancelled():
        return CancelledError("it was cancelled")
    if (error := done.exception()) is not None:
        return error
    result: Any = done.result()  # whatever the executor has made of it
    if isinstance(result, Sequence) and result and isinstance(result[0], Answer):
        return None
    return TypeError(f"the executor returned {result!r:.200}, and not the answers of the job")


def _fail(members: Iterable[Member], error: Callable[[], Exception]) -> None:
    for member in members:
        member.set_exception(error())  # one of its own: the loop tells each which attempt it is of


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


def perform_remotely(jobs: Sequence[Job]) -> tuple[Answer, ...]:
    """Makes attempts where no listener can be reached: the events come with the answers.

    When they take longer than was expected, the answers of the first ones come alone (GT2).
    """
    answers: list[Answer] = []
    end = monotonic() + 2 * TOGETHER
    for job in jobs:
        if not answers or monotonic() < end:
            answers.append(_perform_remotely(job))
    return tuple(answers)


def _perform_remotely(job: Job) -> Answer:
    """Makes one attempt: with a timeout in a worker process of its own, which can be stopped."""
    heard: dict[object, Event] = {}

    def hear(event: Event) -> None:
        if isinstance(event, Metric):  # there may be many: the last of each name is told
            heard.pop(event.name, None)
            heard[event.name] = event
        elif not isinstance(event, Progress):
            heard[len(heard)] = event

    begun = monotonic()
    answer = perform(job, hear) if job.timeout is None else _perform_in_worker(job, hear)
    return replace(answer, events=tuple(heard.values()), seconds=monotonic() - begun)


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
