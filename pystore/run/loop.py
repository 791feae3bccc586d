"""The loop: it takes an instruction of the schedule, carries it out, and reports to the schedule.

LO1  Only what the targets need is built, inputs first (Schedule).
LO2  Before anything is built or adopted, the lock is held and the matcher asked again.
LO3  A busy lock never blocks other work; waiting is told to the listener, with its owner.
LO4  Nothing to build, no lock: a read-only store serves what it has.
"""

import queue
import time
from collections.abc import Collection
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass, field
from typing import NoReturn

from ..core.adoption import fitting
from ..core.derivation import Closure
from ..core.errors import Corrupted, MatcherUnsatisfied, NotInStore, PystoreError, StoreBusy
from ..core.events import Adopted, Listener, NotChosen, OtherInputs, Reused, Waiting, ignore
from ..core.judgement import (
    Adopt,
    Answer,
    AskOthers,
    Build,
    Cannot,
    Judgement,
    Question,
    Use,
    ask,
    judge,
)
from ..core.printable import counted
from ..core.reads import Surroundings
from ..core.refs import DRef, RRef
from ..core.schedule import Built, Chosen, Dropped, Failed, Match, Realize, Round, Schedule
from ..core.tries import Tries
from ..declare.edits import warn_of_edits
from ..declare.identity.by_hand import source_digest
from ..declare.premises import check_premises
from ..store.commit import Committed
from ..store.ports import StoreProtocol, Substituter
from .dispatch import dispatch_of, lost
from .executor import SerialExecutor
from .failures import not_built, several_failed
from .holding import Holding
from .request import Request

_PATIENCE = 0.1  # [s] for one busy lock, before the others get their turn


@dataclass(frozen=True)
class Settings:
    """How to realize."""

    executor: Executor = field(default_factory=SerialExecutor)
    listener: Listener = ignore
    max_attempts: int = 100  # builds a derivation in one call
    attempts: int = 1  # that must have succeeded, of each target
    build: bool = True  # False: name what is missing, and build nothing
    keep_going: bool = False  # build all that does not depend on a failure
    timeout: float | None = None  # [s] to wait for other processes; None: as long as it takes
    capture: bool = False  # what realizers print, in the logs of their attempts
    retries: int = 0  # after a failure, where a derivation says nothing
    substituter: Substituter | None = None  # finds results in other places before a build


class Loop:
    """One call of `realize`, for a closure of which some derivations are forced."""

    def __init__(
        self,
        closure: Closure,
        forced: Collection[DRef],
        store: StoreProtocol,
        settings: Settings,
    ) -> None:
        self._known = {d.dref: d for d in closure.derivations}
        self._schedule = Schedule(
            {dref: d.config.inputs for dref, d in self._known.items()},
            settings.keep_going or not settings.build,
        )
        self._targets = frozenset(closure.drefs)
        self._forced = forced
        self._store = store
        self._settings = settings
        self._offers = settings.substituter or store  # what has the candidates
        self._listener = settings.listener
        self._holding = Holding(store)
        self._busy: dict[DRef, tuple[Match, float]] = {}  # and since when [s]
        self._dispatch = dispatch_of(
            settings.executor,
            store,
            settings.listener,
            settings.capture,
            settings.timeout,
        )
        self._checked = False  # whether all that may be built could be sent where it runs
        self._running: dict[Future[Committed], Request] = {}
        self._done: queue.SimpleQueue[Future[Committed]] = queue.SimpleQueue()
        self._questions: dict[DRef, Question] = {}  # as they stand
        self._built: dict[DRef, RRef] = {}  # the last one of each

    def run(self) -> dict[DRef, tuple[RRef, ...]]:
        """The realizations chosen for every derivation of the closure, in its matcher's order.

        Raises the first failure, after running siblings have finished; with `keep_going`, all of
        them in one BuildsFailed; StoreBusy when another process holds a lock for longer than the
        timeout. Ctrl-C lets what runs in workers finish; a second one ends it.
        """
        schedule = self._schedule
        with self._store.building():
            try:
                while not schedule.ended:
                    if not self._done.empty():
                        self._collect(0.0)
                    elif (instruction := self._next()) is None:
                        self._wait()
                    elif isinstance(instruction, Realize):
                        self._start(instruction)
                    else:
                        self._match(instruction)
                if schedule.failures:
                    self._raise(schedule.failures)
                return schedule.chosen
            except KeyboardInterrupt:
                self._finish()
                raise
            finally:
                self._end()

    def _next(self) -> Match | Realize | None:
        full = len(self._running) >= self._dispatch.most
        return None if full else self._schedule.next()

    def _wait(self) -> None:
        """Waits for an attempt to end, or for a lock."""
        if self._running:
            self._collect(None if not self._busy else _PATIENCE)
            self._retry(patience=0.0)
        elif not self._schedule.goes_on:
            self._abandon_busy()
        else:
            self._retry(_PATIENCE)

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
            raise not_built(failures, self._schedule.skipped)
        if self._settings.keep_going and len(failures) > 1:
            raise several_failed(failures, self._schedule.skipped)
        raise next(iter(failures.values()))

    def _end(self) -> None:
        """Gives up every lock, and what has not started; what still runs keeps its own."""
        left = [(r.dref, future) for future, r in self._running.items() if not future.cancel()]
        self._holding.end(left)
        # The traceback of an error refers to this: it must not keep what keeps the error, and with
        # it all that was open where an interruption came.
        vars(self).clear()

    # --- instructions ------------------------------------------------------------------

    def _match(self, instruction: Match, patience: float = 0.0) -> None:
        """Does what the judgement asks for, and reports; reports nothing while a lock is busy."""
        dref = instruction.dref
        question = self._questions.get(dref) or self._question(instruction)
        judgement: Judgement
        try:
            answer = ask(self._offers, question)
            judgement = judge(question, answer)
            while not self._stands(question, answer, judgement):
                changed = self._needs_lock(dref, judgement)
                if not changed:
                    question, changed = self._pursue(question, judgement)
                elif not self._lock(instruction, patience):
                    return
                answer = ask(self._offers, question) if changed else answer
                judgement = judge(question, answer)
        except Exception as error:  # the call ends, and the caller gets it
            judgement = Cannot(error)
        self._busy.pop(dref, None)
        if isinstance(judgement, Build):
            self._begin(question, judgement, answer)
            return
        self._holding.release(dref)
        if isinstance(judgement, Use):
            self._choose(question, judgement)
        elif isinstance(judgement, Cannot):
            self._schedule.tell(Failed(dref, judgement.error))

    def _question(self, instruction: Match) -> Question:
        dref, settings = instruction.dref, self._settings
        self._questions[dref] = question = Question(
            self._known[dref],
            instruction.context,
            settings.attempts if dref in self._targets else 1,
            settings.max_attempts,
            dref in self._forced,
            settings.build,
            asks=settings.substituter is not None,
        )
        return question

    def _stands(self, question: Question, answer: Answer, judgement: Judgement) -> bool:
        """Whether nothing is to be tried before it is reported; what is used is held (S9)."""
        if not isinstance(judgement, Use):
            locked = question.derivation.dref in self._holding
            return isinstance(judgement, Cannot) or (isinstance(judgement, Build) and locked)
        substituter, rrefs = self._settings.substituter, judgement.rrefs
        if (substituter and not substituter.fetch(rrefs)) or not self._store.hold(rrefs):
            return False
        if not question.rounds.builds:
            warn_of_edits(question.derivation, answer.candidates, rrefs)
        return True

    def _needs_lock(self, dref: DRef, judgement: Judgement) -> bool:
        if isinstance(judgement, Use) or dref in self._holding:
            return False
        return not isinstance(judgement, AskOthers) or judgement.before_build

    def _pursue(self, question: Question, judgement: Judgement) -> tuple[Question, bool]:
        """The question after this was tried, and whether the candidates may be others now."""
        if isinstance(judgement, Adopt):
            question, changed = question._replace(adopts=False), self._adopt(question)
        elif isinstance(judgement, AskOthers):
            question, changed = question._replace(asks=False), self._ask_others(question)
        elif isinstance(judgement, Use):
            # gc was quicker, or somebody has removed what the listing still shows.
            absent = frozenset(rref for rref in judgement.rrefs if not self._has(rref))
            question, changed = question._replace(absent=question.absent | absent), True
        self._questions[question.derivation.dref] = question
        return question, changed

    def _has(self, rref: RRef) -> bool:
        try:
            return self._store.path(rref).is_dir()
        except (NotInStore, Corrupted):
            return False

    def _ask_others(self, question: Question) -> bool:
        """Whether other places offer something."""
        substituter, derivation = self._settings.substituter, question.derivation
        source = source_digest(derivation.realizer)
        return substituter is not None and substituter.ask(
            derivation.config, question.context, self._listener, source
        )

    def _adopt(self, question: Question) -> bool:
        """Whether others have reached results from the same bytes, which now count here."""
        derivation, context = question.derivation, question.context
        config, source = derivation.config, source_digest(derivation.realizer)
        around = Surroundings(config, context, self._store)
        found, _ = fitting(self._store.adoptable(config, context), around, source)
        taken = self._store.adopt(config, context, found, {})
        if taken:
            rrefs = tuple(dict.fromkeys(rref for rref, _ in taken))
            self._listener(Adopted(derivation.dref, rrefs, sum(count for _, count in taken)))
        return bool(taken)

    def _choose(self, question: Question, judgement: Use) -> None:
        dref, rrefs = question.derivation.dref, judgement.rrefs
        self._store.chosen_by(dref, question.derivation.matcher)
        if not question.rounds.builds:
            self._listener(Reused(dref, rrefs))
        elif question.forced and self._built[dref] not in rrefs:
            self._listener(NotChosen(dref, self._built[dref], rrefs))
        self._schedule.tell(Chosen(dref, rrefs))

    def _begin(self, question: Question, judgement: Build, answer: Answer) -> None:
        dref, rounds = question.derivation.dref, question.rounds
        if not rounds.builds:
            self._announce(question)
        rounds = rounds.begin(judgement, answer.candidates)
        self._questions[dref] = question._replace(rounds=rounds, absent=frozenset())
        self._schedule.tell(Round(dref, judgement.seeds))

    def _announce(self, question: Question) -> None:
        """Before the first build of a derivation."""
        dref, substituter = question.derivation.dref, self._settings.substituter
        if substituter is not None and not question.asks:
            substituter.record_found(dref)  # what is built now has seeds of its own
        if question.context and (count := self._count_elsewhere(question)):
            self._listener(OtherInputs(dref, count))

    def _count_elsewhere(self, question: Question) -> int:
        return self._store.count_in_other_contexts(question.derivation.dref, question.context)

    def _explain(self, dref: DRef, error: MatcherUnsatisfied) -> None:
        question = self._questions[dref]
        count = self._count_elsewhere(question)
        error.having(
            dref=dref,
            matcher=question.derivation.matcher,
            for_other_inputs=counted(count, "realization") if count else None,
        )

    def _start(self, instruction: Realize) -> None:
        self._check()
        derivation = self._known[instruction.dref]
        own = derivation.terms.retries
        tries = Tries(self._settings.retries if own is None else own)
        self._send(Request(derivation, instruction.context, instruction.seed, tries))

    def _check(self) -> None:
        """Before the first attempt: that no later one will fail for what could be known now."""
        if not self._checked:
            chosen = self._schedule.chosen
            left = [d for dref, d in self._known.items() if dref not in chosen]
            check_premises(left, self._store)
            self._dispatch.check(left)
            self._checked = True

    def _send(self, request: Request) -> None:
        def begun(future: Future[Committed]) -> None:
            self._running[future] = request
            future.add_done_callback(self._done.put)

        self._dispatch.start(request, begun)

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
            question = self._questions[dref]
            rounds = question.rounds.bring(rref, self._store.rejection(rref))
            self._questions[dref] = question._replace(rounds=rounds)
            self._built[dref] = rref
            self._schedule.tell(Built(dref))
        elif again := request.again_after(error):
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
            waited, limit = time.monotonic() - since, self._settings.timeout
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
            remedy="wait for it, or realize(…, timeout=…) with more seconds",
        )
        self._schedule.tell(Failed(dref, busy))

    def _abandon_busy(self) -> None:
        for dref in list(self._busy):
            del self._busy[dref]
            self._schedule.tell(Dropped(dref))
