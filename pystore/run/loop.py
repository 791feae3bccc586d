"""The loop: it takes an instruction from the Schedule, carries it out, and tells the Schedule.

LO1  Only what the targets need is built, inputs first (Schedule).
LO2  Before building because a matcher wants more, the lock is held and the matcher asked again.
LO3  A busy lock never blocks other work; waiting is told to the listener, with its owner.
LO4  Nothing to build, no lock: a read-only store serves what it has.
LO5  Where results are gone that would count, their seeds are tried again first.
"""

import queue
import time
from collections.abc import Collection
from concurrent.futures import CancelledError, Future
from typing import NoReturn

from ..core.adoption import fitting
from ..core.context import Context
from ..core.derivation import Closure
from ..core.errors import Interrupted, MatcherUnsatisfied, PystoreError, StoreBusy
from ..core.events import Adopted, NotChosen, OtherInputs, Reused, Waiting
from ..core.matchers import Need
from ..core.printable import counted
from ..core.reads import Surroundings
from ..core.refs import DRef, RRef
from ..core.repeat_seeds import seeds_to_repeat
from ..core.schedule import Built, Chosen, Dropped, Failed, Match, Realize, Schedule, Wants
from ..core.tries import Tries
from ..declare.early_checks import check_early
from ..declare.identity.by_hand import source_digest, warn_of_edits
from ..store.commit import Committed
from ..store.ports import StoreProtocol, Substituter
from .ask_matcher import choose
from .dispatch import dispatch_of, lost
from .failures import not_built, several_failed, wanted
from .holding import Holding
from .options import RunOptions
from .request import Request

_PATIENCE = 0.1  # [s] for one busy lock, before the others get their turn


def realize_closure(
    closure: Closure,
    forced: Collection[DRef],
    store: StoreProtocol,
    substituter: Substituter | None,
    settings: RunOptions,
) -> dict[DRef, tuple[RRef, ...]]:
    """The realizations chosen for every derivation of the closure, in its matcher's order.

    Raises the first failure, after running siblings have finished; with `keep_going`, all of them
    in one BuildsFailed; StoreBusy when another process holds a lock for longer than `lock_timeout`;
    Interrupted.
    """
    loop = _Loop(closure, forced, store, substituter, settings)
    with store.building():
        try:
            return loop.run()
        finally:
            loop.end()


class _Loop:
    def __init__(
        self,
        closure: Closure,
        forced: Collection[DRef],
        store: StoreProtocol,
        substituter: Substituter | None,
        settings: RunOptions,
    ) -> None:
        self._known = closure.by_dref
        self._plan = Schedule(
            {dref: d.config.inputs for dref, d in self._known.items()},
            forced,
            max(settings.max_attempts, settings.attempts),
            settings.keep_going or not settings.build,
        )
        self._targets = frozenset(closure.drefs)
        self._forced = forced
        self._store = store
        self._substituter = substituter
        self._settings = settings
        self._listener = settings.listener
        self._holding = Holding(store)
        self._busy: dict[DRef, tuple[Match | Realize, float]] = {}  # and since when [s]
        self._dispatch = dispatch_of(store, settings)
        self._checked = False  # whether all that may be built could be sent where it runs
        self._running: dict[Future[Committed], Request] = {}
        self._done: queue.SimpleQueue[Future[Committed]] = queue.SimpleQueue()
        self._built: dict[DRef, list[RRef]] = {}
        self._contexts: dict[DRef, Context] = {}
        self._seen: dict[DRef, set[RRef]] = {}  # what the matcher was last offered
        self._lost: dict[DRef, list[int]] = {}  # seeds of what is gone, last first

    def run(self) -> dict[DRef, tuple[RRef, ...]]:
        """Does what the plan says, until it ends.

        Ctrl-C lets what runs in workers finish; a second one ends it.
        """
        try:
            self._work()
        except (KeyboardInterrupt, Interrupted):
            self._finish()
            raise
        if self._plan.failures:
            self._raise(self._plan.failures)
        return self._plan.chosen

    def _work(self) -> None:
        while not self._plan.ended:
            if not self._done.empty():
                self._collect(0.0)
                continue
            full = len(self._running) >= self._dispatch.most
            instruction = None if full else self._plan.next()
            if instruction is not None:
                self._do(instruction)
            elif self._running:
                self._heed_stop()
                self._collect(_PATIENCE if self._busy or self._settings.stop else None)
                self._retry(patience=0.0)
            elif not self._plan.goes_on:
                self._abandon_busy()
            else:
                self._heed_stop()
                self._retry(_PATIENCE)

    def _heed_stop(self) -> None:
        if self._settings.stopped:
            raise Interrupted(
                "the call was asked to stop",
                remedy="realize it again: what was built is kept",
            )

    def _finish(self) -> None:
        self._take_back()
        self._dispatch.finish(self._running)

    def _take_back(self) -> list[Request]:
        """Cancels the attempts that have been given out and have not started."""
        return [self._running.pop(f) for f in list(self._running) if f.cancel()]

    def _raise(self, failures: dict[DRef, BaseException]) -> NoReturn:
        for dref, error in failures.items():
            if isinstance(error, MatcherUnsatisfied):
                self._explain(dref, error)
        if not self._settings.build:
            raise not_built(failures, self._plan.skipped)
        if self._settings.keep_going and len(failures) > 1:
            raise several_failed(failures, self._plan.skipped)
        raise next(iter(failures.values()))

    def end(self) -> None:
        """Gives up every lock, and what has not started; what still runs keeps its own."""
        left = [(r.dref, future) for future, r in self._running.items() if not future.cancel()]
        self._holding.end(left)
        # The traceback of an error refers to this: it must not keep what keeps the error, and with
        # it all that was open where an interruption came.
        vars(self).clear()

    # --- instructions ------------------------------------------------------------------

    def _do(self, instruction: Match | Realize, patience: float = 0.0) -> None:
        if isinstance(instruction, Match):
            self._match(instruction, patience)
            return
        self._heed_stop()
        if self._lock(instruction, patience):
            self._start(instruction)

    def _match(self, instruction: Match, patience: float) -> None:
        dref = instruction.dref
        answer: Chosen | Wants | Failed
        try:
            answer = self._ask_anywhere(instruction)
            if isinstance(answer, Wants) and not self._settings.build:
                answer = self._look_further(instruction, answer)
                if isinstance(answer, Wants):
                    answer = Failed(dref, wanted(answer))
            elif isinstance(answer, Wants) and dref not in self._holding:
                if not self._lock(instruction, patience):
                    return
                answer = self._ask(instruction)
                if isinstance(answer, Wants) and self._adopt(instruction):
                    answer = self._ask(instruction)
                answer = self._look_further(instruction, answer)
        except Exception as error:  # a matcher's own; the plan ends, and the caller gets it
            answer = Failed(dref, error)
        if isinstance(answer, Chosen):
            self._choose(answer)
        if not isinstance(answer, Wants):
            self._holding.release(dref)
        self._busy.pop(dref, None)
        self._plan.tell(answer)

    def _ask_anywhere(self, instruction: Match) -> Chosen | Wants:
        """What the matcher says; where it refuses, what it says with what other places offer."""
        try:
            return self._ask(instruction)
        except MatcherUnsatisfied:
            if not self._search(instruction):
                raise
            return self._ask(instruction)

    def _ask(self, instruction: Match) -> Chosen | Wants:
        dref, context = instruction.dref, instruction.context
        derivation, self._contexts[dref] = self._known[dref], context
        wanted = self._settings.attempts if dref in self._targets else 1
        substituter = self._substituter
        choice = choose(self._store, derivation, context, wanted, substituter)
        answer, candidates = choice.answer, choice.candidates
        if not isinstance(answer, Need):
            if dref not in self._built:
                warn_of_edits(derivation, candidates, answer)
            return Chosen(dref, answer)
        present = [c for c in candidates if not c.gone]
        self._seen[dref] = {c.rref for c in present}
        # What came back by adoption is none of them any more.
        seeds = seeds_to_repeat(derivation.matcher, wanted, candidates, answer)
        self._lost[dref] = [seed for seed in self._lost.get(dref, seeds) if seed in seeds]
        return Wants(dref, answer, sum(len(c.attempts) for c in present), len(present))

    def _look_further(self, instruction: Match, answer: Chosen | Wants) -> Chosen | Wants:
        """The answer with what other places offer, where the store has not enough."""
        dref, substituter = instruction.dref, self._substituter
        if substituter is None or not isinstance(answer, Wants) or dref in self._forced:
            return answer
        if self._search(instruction):
            answer = self._ask(instruction)
            if isinstance(answer, Wants):
                substituter.record_found(dref)  # what is built now has seeds of its own
        return answer

    def _search(self, instruction: Match) -> bool:
        """Whether other places offer something."""
        substituter = self._substituter
        if substituter is None:
            return False
        derivation, context = self._known[instruction.dref], instruction.context
        source = source_digest(derivation.realizer)
        return substituter.ask(derivation.config, context, self._listener, source)

    def _adopt(self, instruction: Match) -> bool:
        """Whether others have reached results from the same bytes, which now count here."""
        dref, context = instruction.dref, instruction.context
        derivation = self._known[dref]
        if dref in self._forced or not derivation.realizer.adopts:
            return False
        config, source = derivation.config, source_digest(derivation.realizer)
        around = Surroundings(config, context, self._store)
        found, _ = fitting(self._store.adoptable(config, context), around, source)
        taken = self._store.adopt(config, context, found, {})
        if taken:
            rrefs = tuple(dict.fromkeys(rref for rref, _ in taken))
            self._listener(Adopted(dref, rrefs, sum(count for _, count in taken)))
        return bool(taken)

    def _choose(self, answer: Chosen) -> None:
        self._store.chosen_by(answer.dref, self._known[answer.dref].matcher)
        built = self._built.get(answer.dref, [])
        if not built:
            self._listener(Reused(answer.dref, answer.rrefs))
        if built and answer.dref in self._forced and built[-1] not in answer.rrefs:
            self._listener(NotChosen(answer.dref, built[-1], answer.rrefs))

    def _explain(self, dref: DRef, error: MatcherUnsatisfied) -> None:
        context = self._contexts.get(dref)
        if context is None:
            return  # a realizer's own word: the matcher of a forced build was not asked yet
        count = self._store.count_in_other_contexts(dref, context)
        error.having(
            dref=dref,
            matcher=self._known[dref].matcher,
            for_other_inputs=counted(count, "realization") if count else None,
        )

    def _start(self, instruction: Realize) -> None:
        dref = instruction.dref
        context, first = instruction.context, dref not in self._built
        if first and context and (count := self._store.count_in_other_contexts(dref, context)):
            self._listener(OtherInputs(dref, count))
        self._check()
        derivation = self._known[dref]
        own = derivation.terms.retries
        tries = Tries(self._settings.retries if own is None else own)
        seed = self._seed(instruction)
        self._send(Request(derivation, context, seed, tries))

    def _check(self) -> None:
        """Before the first attempt: that no later one will fail for what could be known now."""
        if not self._checked:
            chosen = self._plan.chosen
            left = [d for dref, d in self._known.items() if dref not in chosen]
            check_early(left, self._store)
            self._dispatch.check(left)
            self._checked = True

    def _send(self, request: Request) -> None:
        def begun(future: Future[Committed]) -> None:
            self._running[future] = request
            future.add_done_callback(self._done.put)

        self._dispatch.start(request, begun)

    def _seed(self, instruction: Realize) -> int | None:
        """The seed of a lost result, so that equal bytes reconnect what was built on it."""
        lost = self._lost.get(instruction.dref)
        return lost.pop() if lost and not instruction.forced else None

    def _collect(self, timeout: float | None) -> None:
        # What a signal handler raises inside of a future's callback is caught there, and the word
        # of the end is lost: who waits looks first.
        future = next((one for one in self._running if one.done()), None)
        try:
            future = future or self._done.get(timeout=timeout)
        except queue.Empty:
            return
        request = self._running.pop(future, None)
        if request is None:
            return  # it was taken back
        # Who shares the executor may have shut it down, with all that had not started.
        error = lost(CancelledError("cancelled")) if future.cancelled() else future.exception()
        dref = request.dref
        if isinstance(error, PystoreError):
            error.having(dref=dref)
        if error is None:
            rref = future.result().rref
            self._built.setdefault(dref, []).append(rref)
            fresh = rref not in self._seen.get(dref, ())
            self._plan.tell(Built(dref, rref, fresh, self._store.rejection(rref)))
        elif again := request.again_after(error):
            self._heed_stop()
            self._send(again)  # as siblings that run may finish, though another has failed
        else:
            self._plan.tell(Failed(dref, error))
            if not self._plan.goes_on:
                for left in self._take_back():
                    self._plan.tell(Dropped(left.dref))

    # --- locks -------------------------------------------------------------------------

    def _lock(self, instruction: Match | Realize, patience: float) -> bool:
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
            self._do(instruction, patience)
            waited, limit = time.monotonic() - since, self._settings.lock_timeout
            if limit is not None and waited > limit and instruction.dref in self._busy:
                self._give_up(instruction, waited)

    def _give_up(self, instruction: Match | Realize, waited: float) -> None:
        dref = instruction.dref
        del self._busy[dref]
        busy = StoreBusy(
            "another process is building this",
            dref=dref,
            owner=self._store.owner(dref, instruction.context),
            waited=f"{waited:.1f} s",
            remedy="wait for it, or realize(…, lock_timeout=…) with more seconds",
        )
        self._plan.tell(Failed(dref, busy))

    def _abandon_busy(self) -> None:
        for dref in list(self._busy):
            del self._busy[dref]
            self._plan.tell(Dropped(dref))
