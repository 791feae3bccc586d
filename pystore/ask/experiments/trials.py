"""Trials: realizes the trials of a search, one or several at a time."""

import contextvars
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from queue import Empty, SimpleQueue
from typing import Any

from ...core.attempt import Attempt, Pruned
from ...core.context import Context
from ...core.dataclasses import dataclass, replace
from ...core.derivation import Derivation
from ...core.errors import BadMetric, MatcherUnsatisfied, MayGoBetter
from ...core.options import Mode
from ...core.refs import DRef
from ...core.statistics import Statistics
from ...run.dispatch import SerialExecutor
from ...run.interrupts import UNHEARD, deferred
from ...run.options import RunOptions
from ...run.verbs import realize_with
from .numbers import made_in, numbers_of
from .pruning import Pruning
from .search_space import SearchSpace
from .studies import Ended, OpenStudy, Trial


@dataclass(frozen=True)
class Wanted:
    """What is searched for."""

    trials: int
    attempts: int
    metric: str
    pruner: Any = None
    prune_by: str = ""

    def name(self, space: SearchSpace, mode: Mode) -> str:
        """The name of the study: of another code, space or metric it is another one."""
        stage = space.probes[0].dref.name
        return f"{stage}-{space.digest[:16]}-{mode}-{self.attempts}-{_plain(self.metric)}"


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)


class Trials:
    """The trials of one call of search."""

    def __init__(
        self,
        wanted: Wanted,
        space: SearchSpace,
        study: OpenStudy,
        options: RunOptions,
        rejected: Collection[int] = (),
    ) -> None:
        """The trials with the numbers that are `rejected` do not count."""
        self._wanted, self._space, self._study = wanted, space, study
        self._over = threading.Event()
        self._ended: SimpleQueue[Future[Ended]] = SimpleQueue()
        self._options = replace(options, stop=self._stopped_by(options.stop))
        self._store: Any = options.store
        self._rejected = rejected  # before this call
        self._failed = 0
        self._error: BaseException | None = None

    def run(self, at_once: int) -> None:
        """Runs trials until there are enough. Raises the first error when the others have ended."""
        running: dict[Future[Ended], Trial] = {}
        if at_once > 1:
            self._options = replace(self._options, progress=False)  # for one call at a time
        with _threads(at_once) as executor:
            try:
                while self._fill(executor, running, at_once):
                    try:
                        future = self._ended.get(timeout=UNHEARD)
                    except Empty:
                        continue
                    self._end(running.pop(future), future)
            finally:
                self._over.set()
        if self._error is not None:
            raise self._error

    def _fill(self, executor: Any, running: dict[Future[Ended], Trial], at_once: int) -> bool:
        """Starts what may be started. Returns whether anything runs."""
        while len(running) < at_once and self._error is None:
            trial = self._study.next(
                self._wanted.trials, self._failed, self._space.distributions, self._rejected
            )
            if trial is None:
                break
            # What is sent to other threads is sent whole: a signal would leave its future locked.
            with deferred() if at_once > 1 else nullcontext():
                future = executor.submit(contextvars.copy_context().run, self._try, trial)
                running[future] = trial
                future.add_done_callback(self._ended.put)
        return bool(running)

    def _end(self, trial: Trial, future: Future[Ended]) -> None:
        error = future.exception()
        if error is not None:  # it stays a running trial, which a later call takes over
            self._give_up(error)
            return
        ended = future.result()
        self._study.tell(trial, ended)
        if ended.error is not None:
            self._failed += 1
            if not self._options.keep_going:
                self._give_up(ended.error)

    def _give_up(self, error: BaseException) -> None:
        self._error = self._error or error
        self._over.set()

    def _stopped_by(self, stop: Callable[[], int] | None) -> Callable[[], int]:
        return lambda: (stop() if stop is not None else 0) or self._over.is_set()

    # --- one trial ---------------------------------------------------------------------

    def _try(self, trial: Trial) -> Ended:
        derivation = self._space.derivation(trial.values)
        said: dict[str, Any] = {"dref": str(derivation.dref)}
        try:
            if (before := self._pruned_before(derivation)) is not None:
                return Ended(pruned=True, said=said, steps=self._steps(before))
            rref = self._realized(trial, derivation)
        except Pruned:
            return Ended(pruned=True, said=said)
        except MayGoBetter as error:
            return Ended(error=error, said=said | {"error": str(error)[:2000]})
        return self._told(derivation.dref, rref, {"rref": str(rref)})

    def _realized(self, trial: Trial, derivation: Derivation) -> Any:
        rules: dict[DRef, Any] = {}
        if self._wanted.pruner is not None:
            by, place = self._wanted.prune_by, self._study.place
            rules[derivation.dref] = Pruning(place, trial.id, by, self._wanted.pruner)
        first = self._wanted.attempts if not rules else 1
        for count in dict.fromkeys((first, self._wanted.attempts)):
            options = replace(self._options, attempts=count, keep_going=False)
            _, chosen = realize_with("search", derivation, options, rules)
            rules = {}
        return chosen[derivation.dref][0]

    def _told(self, dref: DRef, rref: Any, said: dict[str, Any]) -> Ended:
        context = self._store.context(rref).digest
        try:
            numbers = numbers_of(dref, context, self._wanted.metric, self._store)
        except BadMetric as error:
            if not self._has_told(rref):
                raise
            return Ended(error=error, said=said | {"error": str(error)[:2000]})
        told = Statistics.of(numbers)
        if told.n > 1:
            said |= {"n": told.n, "low": told.low, "high": told.high}
            said |= {"of": made_in(dref, context, self._store)}
        return Ended(told.mean, said=said)

    def _has_told(self, rref: Any) -> bool:
        """Whether an attempt that has no finite number has the metric: it has diverged."""
        name = self._wanted.metric
        if (self._store.path(rref) / name).is_file():
            return True
        made = (a for a in self._store.attempts(rref.dref) if a.rref == rref)
        return any(told == name for a in made for _, told, _ in self._store.trace(a))

    def _pruned_before(self, derivation: Derivation) -> Attempt | None:
        """The last attempt that was pruned, where none has succeeded on the inputs of now."""
        if self._wanted.pruner is None:
            return None
        tries = self._store.attempts(derivation.dref)
        if all(one.outcome != "pruned" for one in tries):
            return None
        context = self._context(derivation)
        here = [one for one in tries if one.context == context]
        pruned = [one for one in here if one.outcome == "pruned"]
        return pruned[-1] if pruned and not any(one.succeeded for one in here) else None

    def _context(self, derivation: Derivation) -> str:
        inputs = list(derivation.config.inputs)
        if not inputs:
            return Context().digest
        options = replace(self._options, build=False)
        holds = {one.dref: one for one in derivation.config.holds}
        try:
            _, chosen = realize_with("search", [holds[dref] for dref in inputs], options)
        except MatcherUnsatisfied:
            return ""  # an input is to be built again
        return Context({dref: chosen[dref] for dref in inputs}).digest

    def _steps(self, attempt: Attempt) -> dict[int, float]:
        by = self._wanted.prune_by
        return {step: value for step, name, value in self._store.trace(attempt) if name == by}


def _threads(at_once: int) -> AbstractContextManager[Any]:
    """What runs trials: threads, or this one."""
    return ThreadPoolExecutor(at_once) if at_once > 1 else nullcontext(SerialExecutor())
