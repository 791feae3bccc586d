"""Job: one attempt for another process.

A job is data: the address of the store, a config, a context, and the pickled realizer. It never
holds a store. The other process sends back an Answer.
"""

import pickle
from collections.abc import Mapping
from functools import lru_cache

from ...core.attempt import Committed, StopRule
from ...core.config import Config
from ...core.context import Context
from ...core.dataclasses import dataclass
from ...core.derivation import Derivation
from ...core.errors import BadStage
from ...core.events import Listener, Started
from ...core.matchers import match_latest
from ...core.realizer import Realizer
from ...core.refs import DRef, RRef
from ...core.tries import Tries
from ...declare.identity.by_hand import check_planned, source_digest
from ...declare.nesting import inside
from ...declare.programs import programs
from ...store.address import Address
from ...store.disk import fresh_name
from ...store.staging import Builder
from ..attempt import attempt
from ..provenance import begin_call
from ..request import Request
from .answer import Answer
from .by_value import importable, send_programs_on
from .named import Named


@dataclass(frozen=True)
class Job:
    """One attempt to make in another process."""

    id: str  # unique: some executors run equal calls only once
    store: Address
    config: str  # its canonical text
    inputs: Mapping[DRef, tuple[RRef, ...]]
    realizer: bytes  # a Realizer and the named objects of programs in it, pickled
    source: str  # the digest of its source, which the other process may not have
    seed: int | None
    tries: Tries
    timeout: float | None = None  # [s]
    rule: bytes = b""  # a StopRule, pickled in the same way; empty for none
    call: str = ""  # the call of `realize` that it belongs to

    def __dask_tokenize__(self) -> str:
        """The name of this job for Dask, which would otherwise digest all that the job holds."""
        return self.id


def committed_by(store: Builder, context: Context, started: Started) -> Committed | None:
    """The result in the store of an attempt whose process has died; None if it has none."""
    for ended in store.attempts(started.dref):
        if (ended.context, ended.number) == (context.digest, started.number):
            return Committed(ended.rref, True) if ended.rref else None
    return None


def perform(job: Job, listener: Listener) -> Answer:
    """Makes the attempt in this process."""
    try:
        store = job.store.open()
        # A build would wait for itself.
        with inside("the import of a realizer's module by a worker"):
            realizer, named = _realizer(job.realizer)
            rule, of_rule = _rule(job.rule)
        derivation = Derivation(_config(job.config), match_latest(), realizer)
        check_planned(derivation, job.source)
        request = Request(derivation, Context(job.inputs), job.seed, job.tries, rule)
        send_programs_on()
        begin_call(job.call)
        with store.use(), importable([*named, *of_rule]):  # the store is current, as in the planner
            committed = attempt(request, store, listener, capture=True, source=job.source)
        return Answer(committed)
    except BaseException as error:  # a realizer may raise KeyboardInterrupt
        return Answer.of(error)


class Packer:
    """Pickles realizers for one call, each function once."""

    def __init__(self) -> None:
        self._packed: dict[object, tuple[object, bytes]] = {}  # with the function that has the id
        self._call = fresh_name()

    def job(self, request: Request, store: Address, timeout: float | None) -> Job:
        """The job of one attempt; `timeout` [s] is for a derivation that has none.

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
            timeout=timeout
            if derivation.resources.timeout is None
            else derivation.resources.timeout,
            rule=_packed(request.rule, derivation) if request.rule else b"",
            call=self._call,
        )

    def pack(self, derivation: Derivation) -> bytes:
        """The pickled realizer of a derivation. Raises BadStage when it cannot be pickled."""
        function = derivation.realizer.function
        # Callable objects that are equal may do different things, as Scale(1) and Scale(True).
        key = getattr(function, "portable_key", id(function))
        if key not in self._packed:
            self._packed[key] = function, _packed(derivation.realizer, derivation)
        return self._packed[key][1]


def _named(value: Realizer | StopRule) -> str:
    return f"the realizer {value.name}" if isinstance(value, Realizer) else "the pruner of a search"


def _packed(value: Realizer | StopRule, derivation: Derivation) -> bytes:
    from cloudpickle import register_pickle_by_value  # late for weight: not all jobs are sent

    from .pickler import dumps  # late for weight: it loads cloudpickle

    for module in programs():
        register_pickle_by_value(module)
    try:
        return dumps(value)
    except Exception as error:  # its objects may raise anything
        raise BadStage(
            f"{_named(value)} cannot be sent to another process",
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
    realizer, named = pickle.loads(packed)
    assert isinstance(realizer, Realizer)
    return realizer, named


def _rule(packed: bytes) -> tuple[StopRule | None, list[Named]]:
    if not packed:
        return None, []
    rule, named = pickle.loads(packed)  # from the same process, as the realizer
    return rule, named
