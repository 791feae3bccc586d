"""Steps: what the build loop would do for each derivation of a closure, and why.

Nothing is written. Inputs come first, and the judgement is that of the loop. The candidates of a
derivation that depends on a build are not known: it may be rebuilt, or adopted (OU2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from ...core.attempt import Attempt
from ...core.change import masked
from ...core.context import Context
from ...core.dataclasses import replace
from ...core.derivation import Closure, Derivation
from ...core.errors import in_one_line
from ...core.judgement import Adopt, Answer, Build, Cannot, Question, Use, answer, ask, judge
from ...core.matchers import Need
from ...core.outlook import Kind, Outlook, Step
from ...core.refs import DRef, RRef
from ...core.young_garbage import collect_young_only
from ...declare.identity.by_hand import edited
from .adoptable import Adoptions
from .earlier import Earlier, version_of

if TYPE_CHECKING:
    from ...core.ports import StoreReader
    from ...run.remembered import Remembered

_NAMED = 3  # inputs that are named in a reason
_UP_TO_DATE = ("up to date",)


def outlook_of(
    closure: Closure,
    forced: Collection[DRef],
    attempts: int,
    store: StoreReader,
    earlier: Remembered | None = None,
) -> Outlook:
    """The outlook of a call with these forced derivations and attempts for each target.

    `earlier` tells what earlier calls have chosen, where it may be used again (RH1).
    """
    steps = _Steps(closure, forced, attempts, store, earlier)
    with collect_young_only():
        for derivation in closure.derivations:
            steps.add(derivation)
    return Outlook(tuple(_unless_twins(closure, steps.made)))


class _Steps:
    """The steps of a closure, made in its order."""

    def __init__(
        self,
        closure: Closure,
        forced: Collection[DRef],
        attempts: int,
        store: StoreReader,
        remembered: Remembered | None,
    ) -> None:
        self.made: dict[DRef, Step] = {}
        self._chosen: dict[DRef, tuple[RRef, ...]] = {}  # missing if a build comes first
        self._targets = frozenset(closure.drefs)
        self._forced = forced
        self._attempts = attempts
        self._store = store
        self._remembered = remembered
        self._earlier = Earlier(store)
        self._adoptions = Adoptions(store)

    def add(self, derivation: Derivation) -> None:
        """Makes the step of a derivation. Its inputs have steps already."""
        dref, earlier = derivation.dref, self._remembered
        known = None if earlier is None else earlier.find(derivation)
        if known is None:
            self.made[dref] = self._step(derivation)
        else:
            self._chosen[dref] = known
            self.made[dref] = Step(dref, "up-to-date", _UP_TO_DATE)

    def _step(self, derivation: Derivation) -> Step:
        dref, inputs = derivation.dref, derivation.config.inputs
        wanted = self._attempts if dref in self._targets else 1
        known = Context({d: self._chosen[d] for d in inputs if d in self._chosen})
        question = Question(derivation, known, wanted, forced=dref in self._forced, asks=False)
        unknown = [input for input in inputs if input not in self._chosen]
        if not unknown:
            return self._certain(question)
        lost = [input for input in unknown if self.made[input].action in ("fail", "skip")]
        if lost:
            return Step(dref, "blocked", (f"{_inputs(lost)} cannot be had",))
        return self._uncertain(question, unknown)

    # --- inputs that are not known -----------------------------------------------------

    def _uncertain(self, question: Question, unknown: list[DRef]) -> Step:
        """The step of a derivation with an input that will or may be built."""
        derivation = question.derivation
        tries = self._store.attempts(derivation.dref)
        fresh = not any(attempt.succeeded for attempt in tries)
        if question.forced:
            return self._forced_step(question, answer(question, ()) if fresh else None)
        if fresh:
            judgement = judge(question._replace(adopts=False), answer(question, ()))
            if isinstance(judgement, Cannot):
                return _refused(question, judgement)
            if isinstance(judgement, Build) and not self._earlier.alike(derivation.config):
                return self._new(question, judgement.count, tries)
        return Step(derivation.dref, "may-follow", (self._following(unknown),), sure=False)

    def _following(self, unknown: list[DRef]) -> str:
        built = [dref for dref in unknown if self.made[dref].action == "build"]
        if built:
            return f"{_inputs(built)} will be rebuilt, this may follow"
        return f"{_inputs(unknown)} may be rebuilt, this may follow"

    # --- inputs that are known ---------------------------------------------------------

    def _certain(self, question: Question) -> Step:
        """The step of a derivation whose context is known."""
        found = ask(self._store, question)
        judgement = judge(question, found)
        adopts = isinstance(judgement, Adopt)
        if adopts:
            found = answer(question, self._adoptions.offered(question, found.candidates))
            judgement = judge(question._replace(adopts=False), found)
        if isinstance(judgement, Use):
            self._chosen[question.derivation.dref] = judgement.rrefs
            return self._adopted(question, judgement) if adopts else _reused(question, found)
        if isinstance(judgement, Build):
            return self._build(question, found, judgement)
        assert isinstance(judgement, Cannot)  # the question allows nothing else
        return _refused(question, judgement)

    def _adopted(self, question: Question, judgement: Use) -> Step:
        sources = dict.fromkeys(self._adoptions.source(r).dref.short for r in judgement.rrefs)
        told = f"adopted: {', '.join(sources)} has results from the same bytes"
        return Step(question.derivation.dref, "adopted", (told,))

    def _build(self, question: Question, found: Answer, judgement: Build) -> Step:
        if question.forced:
            return self._forced_step(question, found)
        dref, count = question.derivation.dref, judgement.count
        tries = self._store.attempts(dref)
        running = [
            a for a in tries if a.outcome == "running" and a.context == question.context.digest
        ]
        if running:
            owner = f"process {running[-1].pid} on {running[-1].host}"
            told = f"{owner} builds it now: waiting for it"
            return Step(dref, "waiting", (told,), count, sure=False)
        if judgement.repeated:
            step = Step(dref, "gone", (_lost(len(judgement.repeated)),), count)
        elif any(not candidate.gone for candidate in found.candidates):
            step = Step(dref, "wants-more", (_wanting(question, judgement),), count)
        else:
            step = self._new(question, count, tries)
        not_adopted = dict.fromkeys(map(str, self._adoptions.not_adopted.get(dref, ())))
        return replace(step, reasons=(*step.reasons, *not_adopted))

    def _forced_step(self, question: Question, found: Answer | None) -> Step:
        """The step of a derivation that is built once in any case, and then as its matcher wants.

        `found` is None while the candidates are not known.
        """
        dref = question.derivation.dref
        if found is None:
            return Step(dref, "forced", ("forced",), 1, sure=False)
        more = (Cannot(found.said).reason,) if isinstance(found.said, Exception) else ()
        count = found.said.n if isinstance(found.said, Need) else 1
        # The first build may bring back a lost result with all its attempts, or a rejected one.
        gone = any(candidate.gone for candidate in found.candidates)
        made = {attempt.rref for attempt in self._store.attempts(dref) if attempt.rref}
        rejected = any(map(self._store.rejection, made)) if count > 1 else False
        return Step(dref, "forced", ("forced", *more), count, count == 1 or not (gone or rejected))

    def _new(self, question: Question, count: int, tries: list[Attempt]) -> Step:
        """The step of a derivation without a realization in this context that may be used."""
        derivation, digest = question.derivation, question.context.digest
        made = {attempt.rref: attempt.context == digest for attempt in tries if attempt.rref}
        version = version_of(derivation)
        near = None if made else self._earlier.nearest(derivation.config, version)
        kind: Kind = "missing"
        rejected = sum(here and bool(self._store.rejection(rref)) for rref, here in made.items())
        others = sum(not here for here in made.values())
        told = [f"; {rejected} rejected"] * bool(rejected)
        told += [f"; {others} for other inputs"] * bool(others)
        reasons = [f"will build: no realization in this context{''.join(told)}"]
        if near is not None:
            changes = self._earlier.changes(near, version)
            kind, reasons = changes[0].kind, [f"new because {c.words}" for c in changes]
        if tries and tries[-1].outcome == "failed":
            reasons.append(f"the last attempt failed: {_line(tries[-1].error)}")
        nearest = near.config.dref if near else None
        return Step(derivation.dref, kind, tuple(reasons), count, nearest=nearest)


def _refused(question: Question, judgement: Cannot) -> Step:
    return Step(question.derivation.dref, "unsatisfiable", (judgement.reason,))


def _reused(question: Question, found: Answer) -> Step:
    derivation, reasons = question.derivation, list(_UP_TO_DATE)
    if isinstance(found.said, tuple) and edited(derivation, found.candidates, found.said):
        told = f"the code of {derivation.realizer.name}() has changed since: "
        reasons.append(f"{told}force_rebuild, or --force {derivation.dref.name}, builds it again")
    return Step(derivation.dref, "up-to-date", tuple(reasons))


def _wanting(question: Question, judgement: Build) -> str:
    if judgement.of == "attempts" and question.wanted > 1:
        return f"attempts={question.wanted} wants {judgement.count} more"
    return f"the matcher wants {judgement.count} more"


def _unless_twins(closure: Closure, steps: dict[DRef, Step]) -> Iterator[Step]:
    """The steps. A build is marked as not sure if it may adopt a result of its twin.

    Twins differ only in their inputs, as in a sweep over the data of one training. If their inputs
    have equal bytes, the first twin is built and the others adopt its result.
    """
    moving = [closure[dref].config for dref, step in steps.items() if step.action != "reuse"]
    forms = {config.dref: masked(config.text) for config in moving if config.inputs}
    count = Counter(forms.values())
    for dref, step in steps.items():
        alone = dref not in forms or count[forms[dref]] == 1
        sure = alone or step.kind == "forced" or step.action != "build"
        yield step if sure else replace(step, sure=False)


def _lost(count: int) -> str:
    what = "its result is gone" if count == 1 else f"{count} of its results are gone"
    return f"{what}: will build again with the same seed{'s' * (count > 1)}"


def _line(error: str | None) -> str:
    return in_one_line(error or "")[:100]


def _inputs(drefs: Collection[DRef]) -> str:
    names = list(dict.fromkeys(dref.name for dref in drefs))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"input{'s' * (len(names) > 1)} {', '.join(names[:_NAMED])}{more}"
