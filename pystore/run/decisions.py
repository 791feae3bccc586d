"""Decisions: the judgements of one call, after what they ask for was tried.

DC1  A realization that is used is held before that is told, so that gc leaves it alone (S9).
DC2  Each derivation adopts, and asks other places, at most once in a call.
DC3  What needs nothing is found before the first build, and held at once: one look for all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ..core import warned
from ..core.context import Context
from ..core.derivation import Closure
from ..core.errors import Corrupted, NotInStore
from ..core.events import Adopted, OtherInputs
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
from ..core.later import later
from ..core.refs import DRef, RRef
from ..core.young_garbage import collect_young_only
from ..declare.identity.by_hand import source_digest, warn_of_edits
from .remembered import Remembered, remembered

if TYPE_CHECKING:
    from ..core import adoption, reads
    from ..core.ports import Substituter
    from ..store.staging import Builder
    from .options import RunOptions
else:
    later(globals(), "..core.adoption", "..core.reads")

_AT_ONCE = 1000  # realizations that are held in one step


class Decisions:
    """Decides what is done for each derivation of a closure."""

    def __init__(
        self,
        closure: Closure,
        forced: Collection[DRef],
        store: Builder,
        substituter: Substituter | None,
        settings: RunOptions,
    ) -> None:
        self.questions: dict[DRef, Question] = {}  # as they stand
        self._closure = closure
        self._targets = frozenset(closure.drefs)
        self._forced = forced
        self._store = store
        self._substituter = substituter
        self._candidates = substituter or store
        self._settings = settings
        self._asked: dict[DRef, Answer] = {}  # before anything was built
        self._ready: dict[DRef, Use] = {}  # what is used without a build, and held
        self._warned: set[DRef] = set()  # of edits

    def ready(self) -> dict[DRef, tuple[RRef, ...]]:
        """The derivations for which nothing is to be done, inputs first, with what is used (DC3).

        All of that is held. Where something is forced, or other places are asked, none is found.
        """
        if self._forced or self._substituter is not None:
            return {}
        earlier = remembered(self._closure, self._settings.attempts, self._store)
        with collect_young_only():
            self._find_ready(earlier)
        is_held = self._hold_all()
        if not is_held:
            self._ready.clear()
        if earlier is not None:
            earlier.end(is_true=is_held)
        return {dref: use.rrefs for dref, use in self._ready.items()}

    def _find_ready(self, earlier: Remembered | None) -> None:
        chosen: dict[DRef, tuple[RRef, ...]] = {}
        for dref, derivation in self._closure.by_dref.items():
            inputs = derivation.config.inputs
            if chosen.keys() >= set(inputs):
                found = None if earlier is None else earlier.find(derivation)
                if found is None:
                    context = {need: chosen[need] for need in inputs}
                    self._look_ahead(dref, context, earlier)
                else:
                    self._ready[dref] = Use(found)
                if dref in self._ready:
                    chosen[dref] = self._ready[dref].rrefs

    def start(self) -> None:
        """Forgets what was found ahead: what is built may change it."""
        self._asked.clear()
        self._ready.clear()

    def decide(self, dref: DRef, context: Context, locked: bool) -> Use | Build | Cannot | None:
        """The judgement that stands; None where the lock must be held to find it."""
        if dref in self._ready:
            if dref not in self.questions:
                self._question(dref, context)
            return self._ready[dref]
        question, answer = self.questions.get(dref), self._asked.pop(dref, None)
        if question is None or question.context != context:  # its inputs have changed meanwhile
            question, answer = self._question(dref, context), None
        if locked:
            answer = None
        answer = answer or ask(self._candidates, question)
        while True:
            judgement, changed = judge(question, answer), True
            if isinstance(judgement, Cannot):
                return judgement
            if isinstance(judgement, Use):
                if self._hold(question, answer, judgement):
                    return judgement
                question = self._without(question, judgement.rrefs)
            elif not locked and _takes_lock(judgement):
                return None
            elif isinstance(judgement, Adopt):
                question, changed = question._replace(adopts=False), self._adopt(question)
            elif isinstance(judgement, AskOthers):
                question, changed = question._replace(asks=False), self._ask_others(question)
            else:
                self._begin(question, answer, judgement)
                return judgement
            self.questions[dref] = question
            if changed:
                answer = ask(self._candidates, question)

    def bring(self, dref: DRef, rref: RRef) -> None:
        """Notes the result of a build."""
        question = self.questions[dref]
        rounds = question.rounds.bring(rref, self._store.rejection(rref))
        self.questions[dref] = question._replace(rounds=rounds)

    def count_elsewhere(self, question: Question) -> int:
        """How many realizations the derivation has for other inputs."""
        if not question.context:
            return 0
        return self._store.count_in_other_contexts(question.derivation.dref, question.context)

    def _question(self, dref: DRef, context: Context) -> Question:
        settings = self._settings
        self.questions[dref] = question = Question(
            self._closure[dref],
            context,
            settings.attempts if dref in self._targets else 1,
            settings.max_attempts,
            dref in self._forced,
            settings.build,
            asks=self._substituter is not None,
        )
        return question

    def _look_ahead(
        self, dref: DRef, inputs: Mapping[DRef, tuple[RRef, ...]], earlier: Remembered | None
    ) -> None:
        question = self._question(dref, Context(inputs))
        before, stamps = warned.told(), None if earlier is None else earlier.stamps(dref)
        try:
            answer = ask(self._candidates, question)
        except Exception:
            return  # the loop asks again, and tells the error in its turn
        judgement = judge(question, answer)
        if isinstance(judgement, Use):
            self._ready[dref] = judgement
            del self.questions[dref]  # asked again if needed: a large closure has many
            self._warn(question, answer, judgement)
            if earlier is not None and warned.told() == before:
                earlier.note(question.derivation, judgement.rrefs, stamps)
        else:
            self._asked[dref] = answer

    def _hold_all(self) -> bool:
        """Whether all that is ready is here, and is kept while this process lives (DC1)."""
        wanted = [rref for use in self._ready.values() for rref in use.rrefs]
        for at in range(0, len(wanted), _AT_ONCE):  # gc waits for so many
            if not self._store.hold(tuple(wanted[at : at + _AT_ONCE])):
                return False
        return True

    def _hold(self, question: Question, answer: Answer, judgement: Use) -> bool:
        """Whether all that is used is here, and is kept while this process lives (DC1)."""
        rrefs, substituter = judgement.rrefs, self._substituter
        if (substituter and not substituter.fetch(rrefs)) or not self._store.hold(rrefs):
            return False
        if not question.rounds.builds:
            self._warn(question, answer, judgement)
        return True

    def _warn(self, question: Question, answer: Answer, judgement: Use) -> None:
        if question.derivation.dref not in self._warned:
            self._warned.add(question.derivation.dref)
            warn_of_edits(question.derivation, answer.candidates, judgement.rrefs)

    def _without(self, question: Question, rrefs: Collection[RRef]) -> Question:
        # gc was quicker, or somebody has removed what the listing still shows.
        absent = question.absent.union(rref for rref in rrefs if not self._has(rref))
        return question._replace(absent=absent)

    def _has(self, rref: RRef) -> bool:
        try:
            return self._store.path(rref).is_dir()
        except (NotInStore, Corrupted):
            return False

    def _adopt(self, question: Question) -> bool:
        """Whether others have reached results from the same bytes, which now count here."""
        derivation, context = question.derivation, question.context
        config, source = derivation.config, source_digest(derivation.realizer)
        around = reads.Surroundings(config, context, self._store)
        found, _ = adoption.fitting(self._store.adoptable(config, context), around, source)
        taken = self._store.adopt(config, context, found, {})
        if taken:
            rrefs, count = tuple(dict.fromkeys(r for r, _ in taken)), sum(n for _, n in taken)
            self._settings.listener(Adopted(derivation.dref, rrefs, count))
        return bool(taken)

    def _ask_others(self, question: Question) -> bool:
        """Whether other places offer something."""
        derivation, listener = question.derivation, self._settings.listener
        source = source_digest(derivation.realizer)
        return self._substituter is not None and self._substituter.ask(
            derivation.config, question.context, listener, source
        )

    def _begin(self, question: Question, answer: Answer, judgement: Build) -> None:
        """Notes that a round of builds begins; tells the first one."""
        dref, rounds = question.derivation.dref, question.rounds
        if not rounds.builds:
            if self._substituter is not None and not question.asks:
                self._substituter.record_found(dref)  # what is built now has seeds of its own
            if count := self.count_elsewhere(question):
                self._settings.listener(OtherInputs(dref, count))
        rounds = rounds.begin(judgement, answer.candidates)
        self.questions[dref] = question._replace(rounds=rounds, absent=frozenset())


def _takes_lock(judgement: Judgement) -> bool:
    return not isinstance(judgement, AskOthers) or judgement.before_build
