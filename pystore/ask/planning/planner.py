"""The planner: what the build loop would do with a closure, and why; nothing is written.

It asks the matchers as the build loop does, inputs first, as far as what they are offered is
known: what depends on something that will be built may follow it, or be adopted (OU2).
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace

from ...core.attempt import Attempt
from ...core.candidate import Candidate
from ...core.change import masked
from ...core.context import Context
from ...core.derivation import Closure, Derivation
from ...core.errors import BadMatcher, MatcherUnsatisfied, in_one_line
from ...core.matchers import Need
from ...core.outlook import Kind, Outlook, Step
from ...core.refs import DRef, RRef
from ...core.repeat_seeds import seeds_to_repeat
from ...core.schedule import Wants, more_attempts
from ...core.unmet import nothing_new
from ...declare.identity.by_hand import edited
from ...store.ports import StoreProtocol
from .adoptable import Adoptions
from .earlier import Earlier, version_of

_NOT_HAD = ("unsatisfiable", "blocked")
_NAMED = 3  # inputs that are named in a reason
Answer = tuple[RRef, ...] | Need | str  # what a matcher chose or wants, or why it cannot


def look_ahead(
    closure: Closure, forced: Collection[DRef], attempts: int, store: StoreProtocol
) -> Outlook:
    """The outlook of a closure, when these are forced and so many attempts of targets wanted."""
    planner = _Planner(closure, forced, attempts, store)
    for derivation in closure.derivations:
        planner.steps[derivation.dref] = planner.step(derivation)
    return Outlook(tuple(_unless_twins(closure, planner.steps)))


class _Planner:
    def __init__(
        self, closure: Closure, forced: Collection[DRef], attempts: int, store: StoreProtocol
    ) -> None:
        self.steps: dict[DRef, Step] = {}
        self._chosen: dict[DRef, tuple[RRef, ...]] = {}  # without what is not known before a build
        self._targets = frozenset(closure.drefs)
        self._forced = forced
        self._attempts = attempts
        self._store = store
        self._earlier = Earlier(store)
        self._adoptions = Adoptions(store)

    def step(self, derivation: Derivation) -> Step:
        """What will happen to one, when its inputs have their steps."""
        inputs = derivation.config.inputs
        unknown = [dref for dref in inputs if dref not in self._chosen]
        if not unknown:
            context = Context({dref: self._chosen[dref] for dref in inputs})
            return self._certain(derivation, context)
        lost = [dref for dref in unknown if self.steps[dref].kind in _NOT_HAD]
        if lost:
            return Step(derivation.dref, "blocked", (f"{_inputs(lost)} cannot be had",))
        return self._uncertain(derivation, unknown)

    # --- inputs that are not known -----------------------------------------------------

    def _uncertain(self, derivation: Derivation, unknown: list[DRef]) -> Step:
        """The step of what depends on something that will be built, or may be."""
        dref = derivation.dref
        tries = self._store.attempts(dref)
        fresh = not any(attempt.succeeded for attempt in tries)
        answer = self._ask(derivation, [])
        if dref in self._forced:
            count = answer.n if isinstance(answer, Need) and fresh else 1
            return Step(dref, "forced", ("forced",), count, sure=fresh)
        if fresh and isinstance(answer, str):
            return Step(dref, "unsatisfiable", (answer,))
        if fresh and isinstance(answer, Need) and not self._earlier.alike(derivation.config):
            return self._new(derivation, answer.n, tries)
        return Step(dref, "may-follow", (self._following(unknown),), sure=False)

    def _following(self, unknown: list[DRef]) -> str:
        built = [dref for dref in unknown if self.steps[dref].action == "build"]
        if built:
            return f"{_inputs(built)} will be rebuilt, this may follow"
        return f"{_inputs(unknown)} may be rebuilt, this may follow"

    # --- inputs that are known ---------------------------------------------------------

    def _certain(self, derivation: Derivation, context: Context) -> Step:
        dref, reads = derivation.dref, derivation.matcher.reads
        candidates = self._store.candidates(dref, context, reads)
        answer = self._ask(derivation, candidates)
        if dref in self._forced:
            return self._force(dref, candidates, answer)
        if isinstance(answer, Need):
            return self._missing(derivation, context, candidates)
        if isinstance(answer, str):
            return Step(dref, "unsatisfiable", (answer,))
        self._chosen[dref] = answer
        reasons = ["up to date"]
        if edited(derivation, candidates, answer):
            told = f"the code of {derivation.realizer.name}() has changed since: "
            reasons.append(f"{told}force_rebuild, or --force {dref.name}, builds it again")
        return Step(dref, "up-to-date", tuple(reasons))

    def _missing(
        self, derivation: Derivation, context: Context, candidates: list[Candidate]
    ) -> Step:
        """The step where the matcher wants more than there is."""
        dref = derivation.dref
        candidates = self._adoptions.offered(derivation, context, candidates)
        answer = self._ask(derivation, candidates)
        if isinstance(answer, str):
            return Step(dref, "unsatisfiable", (answer,))
        if not isinstance(answer, Need):
            return self._adopt(dref, answer)
        step = self._build(derivation, context, candidates, answer)
        if step.action == "build":
            step = replace(step, reasons=(*step.reasons, *self._not_adopted(dref)))
        # One that comes back may bring several attempts with it, or count as one that is there.
        several = step.attempts > 1 or self._wanted(dref) > 1
        return replace(step, sure=False) if step.kind == "gone" and several else step

    def _ask(self, derivation: Derivation, candidates: list[Candidate]) -> Answer:
        """What the matcher says, with the attempts that the caller wants."""
        need = more_attempts(self._wanted(derivation.dref), candidates)
        try:
            answer = derivation.matcher.select(candidates)
        except (MatcherUnsatisfied, BadMatcher) as error:
            return need or error.what
        if need is None or (isinstance(answer, Need) and answer.n > need.n):
            return answer
        return need

    def _force(self, dref: DRef, candidates: list[Candidate], answer: Answer) -> Step:
        count = answer.n if isinstance(answer, Need) else 1
        more = (answer,) if isinstance(answer, str) else ()
        sure = self._wanted(dref) == 1 or not any(candidate.gone for candidate in candidates)
        return Step(dref, "forced", ("forced", *more), count, sure)

    def _adopt(self, dref: DRef, answer: tuple[RRef, ...]) -> Step:
        self._chosen[dref] = answer
        sources = dict.fromkeys(self._adoptions.source(rref).dref.short for rref in answer)
        told = f"adopted: {', '.join(sources)} has results from the same bytes"
        return Step(dref, "adopted", (told,))

    def _not_adopted(self, dref: DRef) -> list[str]:
        return list(dict.fromkeys(str(one) for one in self._adoptions.kept_back.get(dref, ())))

    def _build(
        self, derivation: Derivation, context: Context, candidates: list[Candidate], need: Need
    ) -> Step:
        dref, present = derivation.dref, [c for c in candidates if not c.gone]
        report = Wants(dref, need, sum(len(c.attempts) for c in present), len(present))
        if report.hopeless:
            return Step(dref, "unsatisfiable", (nothing_new(report).what,))
        tries = self._store.attempts(dref)
        here = [attempt for attempt in tries if attempt.context == context.digest]
        running = [attempt for attempt in here if attempt.outcome == "running"]
        if running:
            return Step(dref, "waiting", (_owner(running[-1]),), need.n, sure=False)
        if lost := seeds_to_repeat(derivation.matcher, self._wanted(dref), candidates, need):
            return Step(dref, "gone", (_lost(len(lost)),), need.n)
        if present:
            return Step(dref, "wants-more", (self._wanting(dref, need),), need.n)
        return self._new(derivation, need.n, tries)

    def _wanted(self, dref: DRef) -> int:
        return self._attempts if dref in self._targets else 1

    def _wanting(self, dref: DRef, need: Need) -> str:
        if need.of == "attempts" and self._wanted(dref) > 1:
            return f"attempts={self._attempts} wants {need.n} more"
        return f"the matcher wants {need.n} more"

    def _new(self, derivation: Derivation, count: int, tries: list[Attempt]) -> Step:
        """The step of what has nothing in its context yet."""
        made = {attempt.rref for attempt in tries if attempt.rref}
        version = version_of(derivation)
        near = None if made else self._earlier.nearest(derivation.config, version)
        kind: Kind = "missing"
        others = f"; {len(made)} for other inputs" if made else ""
        reasons = [f"will build: no realization in this context{others}"]
        if near is not None:
            changes = self._earlier.changes(near, version)
            kind, reasons = changes[0].kind, [f"new because {c.words}" for c in changes]
        if tries and tries[-1].outcome == "failed":
            reasons.append(f"the last attempt failed: {_line(tries[-1].error)}")
        nearest = near.config.dref if near else None
        return Step(derivation.dref, kind, tuple(reasons), count, nearest=nearest)


def _unless_twins(closure: Closure, steps: dict[DRef, Step]) -> Iterator[Step]:
    """The steps; those are not sure that may find what others of this call make before them.

    Only what differs in nothing but its inputs can: a sweep over the data of one training.
    """
    moving = [dref for dref, step in steps.items() if step.action != "reuse"]
    forms = {
        dref: masked(closure[dref].config.text) for dref in moving if closure[dref].config.inputs
    }
    count = Counter(forms.values())
    for dref, step in steps.items():
        alone = dref not in forms or count[forms[dref]] == 1
        sure = alone or step.kind == "forced" or step.action != "build"
        yield step if sure else replace(step, sure=False)


def _owner(attempt: Attempt) -> str:
    return f"process {attempt.pid} on {attempt.host} builds it now: waiting for it"


def _lost(count: int) -> str:
    what = "its result is gone" if count == 1 else f"{count} of its results are gone"
    return f"{what}: will build again with the same seed{'s' * (count > 1)}"


def _line(error: str | None) -> str:
    return in_one_line(error or "")[:100]


def _inputs(drefs: Collection[DRef]) -> str:
    names = list(dict.fromkeys(dref.name for dref in drefs))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"input{'s' * (len(names) > 1)} {', '.join(names[:_NAMED])}{more}"
