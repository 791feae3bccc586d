"""The loop: it takes an instruction of the schedule, carries it out, and reports to the schedule.

LO1  Only what the targets need is built, inputs first (Schedule).
LO2  Before anything is built or adopted, the lock is held, and the matcher asked again.
LO3  A busy lock never blocks other work; waiting is told to the listener, with its owner.
LO4  Nothing to build, no lock: a read-only store serves what it has.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NoReturn

from ..core.attempt import Committed, StopRule
from ..core.derivation import Closure
from ..core.errors import (
    Interrupted,
    MatcherUnsatisfied,
    PystoreError,
    StoreBusy,
    WorkerDied,
)
from ..core.events import NotChosen, Reused, Waiting
from ..core.judgement import Build, Cannot, Use
from ..core.later import later
from ..core.printable import counted
from ..core.refs import DRef, RRef
from ..core.schedule import Built, Chosen, Dropped, Failed, Match, Realize, Round, Schedule
from .decisions import Decisions
from .holding import Holding

if TYPE_CHECKING:
    from concurrent import futures

    from ..core import tries
    from ..core.ports import Substituter
    from ..declare import early_checks
    from ..store.staging import Builder
    from . import dispatch, failures, interrupts, keeping_code, request
    from .options import RunOptions
else:  # what only a call that builds needs
    later(globals(), "concurrent.futures", "..core.tries", "..declare.early_checks")
    later(globals(), ".dispatch", ".failures", ".interrupts")
    later(globals(), ".keeping_code", ".request")

_PATIENCE = 0.1  # [s] for one busy lock, before the others get their turn


class Loop:
    """One call of `realize`."""

    def __init__(
        self,
        closure: Closure,
        forced: Collection[DRef],
        store: Builder,
        substituter: Substituter | None,
        settings: RunOptions,
        *,
        rules: Mapping[DRef, StopRule] | None = None,
    ) -> None:
        self._closure = closure
        self._decisions = Decisions(closure, forced, store, substituter, settings)
        self._store = store
        self._settings = settings
        self._rules = rules or {}
        self._listener = settings.listener
        self._holding = Holding(store)
        self._busy: dict[DRef, tuple[Match, float]] = {}  # and since when [s]
        self._checked = False  # whether all that may be built could be sent where it runs
        self._running: dict[futures.Future[Committed], request.Request] = {}
        self._done: SimpleQueue[futures.Future[Committed]] = SimpleQueue()

    def run(self) -> dict[DRef, tuple[RRef, ...]]:
        """The realizations chosen for every derivation of the closure, in its matcher's order.

        Raises the first failure, after running siblings have finished; with `keep_going`, all of
        them in one BuildsFailed; StoreBusy when another process holds a lock for longer than
        `lock_timeout`; Interrupted. Ctrl-C lets what runs in workers finish; a second one ends it.
        """
        with self._store.building():
            try:
                ready = self._decisions.ready()
                if len(ready) == len(self._closure):
                    self._tell_reused(ready)
                    return ready
                while not self._schedule.ended:
                    if not self._done.empty():
                        self._collect(0.0)
                    elif (instruction := self._next()) is None:
                        self._wait()
                    elif isinstance(instruction, Match):
                        self._flush()  # what it asks, of a remote perhaps, may take long
                        self._match(instruction)
                    else:
                        self._start(instruction)
                if self._schedule.failures:
                    self._raise(self._schedule.failures)
                return self._schedule.chosen
            except (KeyboardInterrupt, Interrupted):
                self._finish()
                raise
            finally:
                self._end()

    @cached_property
    def _schedule(self) -> Schedule:
        inputs = {dref: one.config.inputs for dref, one in self._closure.by_dref.items()}
        return Schedule(inputs, self._settings.keep_going or not self._settings.build)

    def _tell_reused(self, ready: Mapping[DRef, tuple[RRef, ...]]) -> None:
        """Tells that nothing is to be done: no schedule is needed, and no lock (LO4)."""
        for dref, rrefs in ready.items():
            self._store.chosen_by(dref, self._closure.by_dref[dref].matcher)
            self._listener(Reused(dref, rrefs))

    @cached_property
    def _dispatch(self) -> dispatch.Dispatch:
        """The way to make attempts with the executor of the call."""
        store, options = self._store, self._settings
        executor = options.executor or dispatch.SerialExecutor()
        here = isinstance(executor, dispatch.SerialExecutor)
        # Not asked before: when the main thread has ended, Python imports no executors any more.
        if here or isinstance(executor, futures.ThreadPoolExecutor):
            return dispatch.Here(executor, store, options)
        from .workers.dispatch import dispatch_to  # late for weight: most calls send nothing

        return dispatch_to(executor, store, options)

    def _next(self) -> Match | Realize | None:
        full = bool(self._running) and len(self._running) >= self._dispatch.most
        return None if full else self._schedule.next()

    def _wait(self) -> None:
        """Waits for an attempt to end, or for a lock."""
        if not self._running and not self._schedule.goes_on:
            self._abandon_busy()
            return
        self._heed_stop()
        if self._running:
            longest = _PATIENCE if self._busy or self._settings.stop else interrupts.UNHEARD
            others = self._flush()
            self._collect(longest if others is None else min(longest, others))
            self._retry(patience=0.0)
        else:
            self._retry(_PATIENCE)

    def _flush(self) -> float | None:
        """How long attempts that have been started may still wait for others [s]."""
        return self._dispatch.flush() if self._running else None

    def _heed_stop(self) -> None:
        if self._settings.stopped:
            raise Interrupted(
                "the call was asked to stop", remedy="realize it again: what was built is kept"
            )

    def _finish(self) -> None:
        self._take_back()
        self._dispatch.finish(self._running)

    def _take_back(self) -> list[request.Request]:
        """Cancels the attempts that have been given out and have not started."""
        with interrupts.deferred():
            return [self._running.pop(f) for f in list(self._running) if f.cancel()]

    def _raise(self, errors: dict[DRef, BaseException]) -> NoReturn:
        for dref, error in errors.items():
            if isinstance(error, MatcherUnsatisfied):
                self._explain(dref, error)
        if not self._settings.build:
            raise failures.not_built(errors, self._schedule.skipped)
        if self._settings.keep_going and len(errors) > 1:
            raise failures.several_failed(errors, self._schedule.skipped)
        raise next(iter(errors.values()))

    def _end(self) -> None:
        """Gives up every lock, and what has not started; what still runs keeps its own."""
        try:
            if self._running:
                self._take_back()
        finally:
            try:
                self._holding.end([(one.dref, future) for future, one in self._running.items()])
            finally:
                # The traceback of an error refers to this: it must not keep what keeps the error,
                # and with it all that was open where an interruption came.
                vars(self).clear()

    # --- instructions ------------------------------------------------------------------

    def _match(self, instruction: Match, patience: float = 0.0) -> None:
        """Reports what was decided for a derivation; nothing while its lock is busy."""
        dref, context = instruction.dref, instruction.context
        try:
            judgement = self._decisions.decide(dref, context, dref in self._holding)
            if judgement is None:
                if not self._lock(instruction, patience):
                    return
                judgement = self._decisions.decide(dref, context, locked=True)
                assert judgement is not None
        except Exception as error:  # the call ends, and the caller gets it
            judgement = Cannot(error)
        self._busy.pop(dref, None)
        if isinstance(judgement, Build):
            self._schedule.tell(Round(dref, judgement.seeds))
            return
        self._holding.release(dref)
        if isinstance(judgement, Use):
            self._choose(dref, judgement)
        else:
            self._schedule.tell(Failed(dref, judgement.error))

    def _choose(self, dref: DRef, judgement: Use) -> None:
        question, rrefs = self._decisions.questions[dref], judgement.rrefs
        self._store.chosen_by(dref, question.derivation.matcher)
        built = [rref for rref, _ in question.rounds.results]
        if not built:
            self._listener(Reused(dref, rrefs))
        elif question.forced and built[-1] not in rrefs:
            self._listener(NotChosen(dref, built[-1], rrefs))
        self._schedule.tell(Chosen(dref, rrefs))

    def _explain(self, dref: DRef, error: MatcherUnsatisfied) -> None:
        question = self._decisions.questions[dref]
        count = self._decisions.count_elsewhere(question)
        error.having(
            dref=dref,
            matcher=question.derivation.matcher,
            for_other_inputs=counted(count, "realization") if count else None,
        )

    def _start(self, instruction: Realize) -> None:
        self._heed_stop()
        self._decisions.start()
        self._check()
        derivation = self._closure[instruction.dref]
        own = derivation.resources.retries
        left = tries.Tries(self._settings.retries if own is None else own)
        keeping_code.keep_code(derivation, self._store)
        rule = self._rules.get(instruction.dref)
        context, seed = instruction.context, instruction.seed
        self._send(request.Request(derivation, context, seed, left, rule))

    def _check(self) -> None:
        """Before the first attempt: that no later one will fail for what could be known now."""
        if not self._checked:
            chosen = self._schedule.chosen
            left = [d for dref, d in self._closure.items() if dref not in chosen]
            early_checks.check_early(left, self._store)
            self._dispatch.check(left)
            self._checked = True

    def _send(self, asked: request.Request) -> None:
        def register(future: futures.Future[Committed]) -> None:
            self._running[future] = asked
            with interrupts.deferred():
                future.add_done_callback(self._done.put)

        self._dispatch.start(asked, register)

    def _collect(self, timeout: float | None) -> None:
        future = None
        if self._done.empty():
            # What a signal handler raises inside of a future's callback is caught there, and the
            # word of the end is lost: who waits looks first.
            with interrupts.deferred():
                future = next((one for one in self._running if one.done()), None)
        try:
            future = future or self._done.get(timeout=timeout)
        except Empty:
            return
        asked = self._running.pop(future, None)
        if asked is None:
            return  # it was taken back
        # Who shares the executor may have shut it down, with all that had not started.
        error = _lost() if future.cancelled() else future.exception()
        dref = asked.dref
        if isinstance(error, PystoreError):
            error.having(dref=dref)
        if error is None:
            self._decisions.bring(dref, future.result().rref)
            self._schedule.tell(Built(dref))
        elif isinstance(error, dispatch.NotBegun) and not self._schedule.goes_on:
            self._schedule.tell(Dropped(dref))
        elif again := asked if isinstance(error, dispatch.NotBegun) else asked.again_after(error):
            self._heed_stop()
            self._send(again)  # as siblings that run may finish, though another has failed
        else:
            self._schedule.tell(Failed(dref, error))
            if not self._schedule.goes_on:
                for left in self._take_back():
                    self._schedule.tell(Dropped(left.dref))

    # --- locks -------------------------------------------------------------------------

    def _lock(self, instruction: Match, patience: float) -> bool:
        dref, context = instruction.dref, instruction.context
        if self._holding.take(dref, context, patience):
            self._busy.pop(dref, None)
            return True
        if dref not in self._busy:
            self._holding.refuse_own(dref, context)
            self._busy[dref] = (instruction, time.monotonic())
            self._listener(Waiting(dref, self._store.owner(dref, context)))
        return False

    def _retry(self, patience: float) -> None:
        for instruction, since in list(self._busy.values()):
            self._match(instruction, patience)
            waited, limit = time.monotonic() - since, self._settings.lock_timeout
            if limit is not None and waited > limit and instruction.dref in self._busy:
                self._give_up(instruction, waited)

    def _give_up(self, instruction: Match, waited: float) -> None:
        dref = instruction.dref
        del self._busy[dref]
        busy = StoreBusy(
            "another process is building this",
            dref=dref,
            owner=self._store.owner(dref, instruction.context),
            waited=f"{waited:.1f} s",
            remedy="wait for it, or realize(…, lock_timeout=…) with more seconds",
        )
        self._schedule.tell(Failed(dref, busy))

    def _abandon_busy(self) -> None:
        for dref in list(self._busy):
            del self._busy[dref]
            self._schedule.tell(Dropped(dref))


def _lost() -> WorkerDied:
    return dispatch.lost(futures.CancelledError("cancelled"))
