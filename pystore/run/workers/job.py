"""Job: one attempt, as it travels to another process.

A job is data: where the store is, a config, a context, and the realizer as cloudpickle writes it.
It never holds a store. What comes back is an Answer, and never an exception that might not
survive the journey.
"""

import pickle
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from ...core.config import Config
from ...core.context import Context
from ...core.derivation import Derivation
from ...core.errors import SEE_TRACEBACK, BadStage, BuildError
from ...core.events import Event, Listener, Progress, Started
from ...core.matchers import match_latest
from ...core.realizer import Realizer
from ...core.refs import DRef, RRef
from ...core.resources import Resources
from ...core.tries import Tries
from ...declare.identity.by_hand import check_planned, source_digest
from ...declare.nesting import inside
from ...declare.programs import programs
from ...store.address import Address
from ...store.commit import Committed
from ...store.disk import fresh_name
from ...store.ports import StoreProtocol
from ..attempt import attempt
from ..request import Request
from .by_value import Named, findable
from .children import send_programs_on


@dataclass(frozen=True)
class Job:
    """One attempt to make, somewhere."""

    id: str  # that no other job has: some executors take equal calls for one
    store: Address
    config: str  # its canonical text
    inputs: Mapping[DRef, tuple[RRef, ...]]
    realizer: bytes  # a Realizer and what it brings along, pickled
    source: str  # the digest of its source, which may not be at hand where it runs
    seed: int | None
    tries: Tries
    timeout: float | None = None  # [s]


class Elsewhere(Exception):
    """The traceback of another process, as text; the cause of an error that came from there."""

    def __str__(self) -> str:
        return f"in another process\n\n{self.args[0]}"


@dataclass(frozen=True)
class Answer:
    """What became of a job."""

    value: Any
    error: BaseException | None = None
    trace: str = ""  # of the error
    events: tuple[Event, ...] = ()  # where no listener was reached while it ran

    @classmethod
    def of(cls, error: BaseException) -> "Answer":
        """The answer of what raised this."""
        trace = "".join(traceback.format_exception(error))
        return cls(None, _sendable(error), trace)

    def settle(self, future: "Future[Any]") -> None:
        """Gives a future its result, or its exception."""
        if self.error is None:
            future.set_result(self.value)
        else:
            if self.trace:
                self.error.__cause__ = Elsewhere(self.trace)
            future.set_exception(self.error)


def perform_elsewhere(job: Job) -> Answer:
    """Makes the attempt where nobody can be told what goes on: the events come with the answer.

    With a timeout, in a worker process of its own, which can be stopped.
    """
    heard: list[Event] = []
    listener = _without_progress(heard)
    answer = perform(job, listener) if job.timeout is None else _in_time(job, listener)
    return replace(answer, events=tuple(heard))


def _in_time(job: Job, listener: Listener) -> Answer:
    from .pool import Workers

    try:
        committed = partial(committed_by, job.store.open(), Context(job.inputs))
        terms = Resources(timeout=job.timeout, retries=job.tries.left)
        with Workers(1) as own:
            future = own.start(perform, (job,), terms=terms, listener=listener, committed=committed)
            return Answer(future.result())
    except BaseException as error:
        return Answer.of(error)


def committed_by(store: StoreProtocol, context: Context, started: Started) -> Committed | None:
    """What the store has of an attempt whose process has died."""
    for ended in store.attempts(started.dref):
        if (ended.context, ended.number) == (context.digest, started.number):
            return Committed(ended.rref, True) if ended.rref else None
    return None


def perform(job: Job, listener: Listener) -> Answer:
    """Makes the attempt in this process."""
    try:
        store = job.store.open()
        with inside("the import of a realizer's module by a worker"):  # it would wait for itself
            realizer, brought = _realizer(job.realizer)
        derivation = Derivation(_config(job.config), match_latest(), realizer)
        check_planned(derivation, job.source)
        request = Request(derivation, Context(job.inputs), job.seed, job.tries)
        send_programs_on()
        with store.use(), findable(brought):  # as current as where it was planned
            committed = attempt(request, store, listener, capture=True, source=job.source)
        return Answer(committed)
    except BaseException as error:  # of a realizer that raises KeyboardInterrupt, too
        return Answer.of(error)


def _without_progress(heard: list[Event]) -> Callable[[Event], None]:
    def hear(event: Event) -> None:
        if not isinstance(event, Progress):
            heard.append(event)

    return hear


class Packer:
    """Pickles realizers, each function once."""

    def __init__(self) -> None:
        self._packed: dict[object, tuple[object, bytes]] = {}  # beside what has that id

    def job(self, request: Request, store: Address, timeout: float | None) -> Job:
        """The job of one attempt, with the timeout [s] of one that says nothing.

        Raises BadStage when its realizer cannot be sent.
        """
        derivation = request.derivation
        return Job(
            fresh_name(),
            store,
            config=derivation.config.text,
            inputs=dict(request.context),
            realizer=self.pack(derivation),
            source=source_digest(derivation.realizer),
            seed=request.seed,
            tries=request.tries,
            timeout=timeout if derivation.terms.timeout is None else derivation.terms.timeout,
        )

    def pack(self, derivation: Derivation) -> bytes:
        """The realizer of a derivation, pickled. Raises BadStage when it cannot be."""
        function = derivation.realizer.function
        # Callable objects that are equal may do different things, as Scale(1) and Scale(True).
        key = getattr(function, "portable_key", id(function))
        if key not in self._packed:
            self._packed[key] = function, _pickled(derivation)
        return self._packed[key][1]


def _pickled(derivation: Derivation) -> bytes:
    from cloudpickle import register_pickle_by_value  # only where something is sent

    from .pickler import dumps

    for module in programs():
        register_pickle_by_value(module)
    try:
        return dumps(derivation.realizer)
    except Exception as error:  # whatever the objects that it refers to raise
        raise BadStage(
            f"the realizer {derivation.realizer.name} cannot be sent to another process",
            dref=derivation.dref,
            because=f"{type(error).__name__}: {error}"[:300],
            remedy="open files, locks and connections inside of the function, not around it; or "
            "realize without workers",
        ) from error


@lru_cache(256)
def _config(text: str) -> Config:
    return Config.parse(text.encode())


@lru_cache(64)
def _realizer(packed: bytes) -> tuple[Realizer, list[Named]]:
    # From the process that planned this job, over its own channel: never from a store.
    realizer, brought = pickle.loads(packed)
    assert isinstance(realizer, Realizer)
    return realizer, brought


def _sendable(error: BaseException) -> Exception:
    """The error, or one that says the same, if it cannot be pickled and read again."""
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:  # an exception class with arguments of its own, or local to a function
        again = None
    if isinstance(again, Exception):  # a KeyboardInterrupt there is none here
        return again
    return BuildError(
        f"{type(error).__name__} was raised in another process",
        because=str(error)[:2000] or None,
        remedy=SEE_TRACEBACK,
    )
