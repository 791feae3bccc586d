"""Schedule: which derivation to match or to build next. Reports in, instructions out; no effects.

SC1  Inputs are chosen before what needs them is matched; each derivation is matched at least once.
SC2  A choice is made once, and then stands.
SC3  Linear: unmet inputs are counted, never rescanned.
SC4  It ends: at most `max_attempts` builds a derivation, and no build after a round that brought
    nothing new, when the matcher wanted realizations, or nothing but what was rejected.
SC5  After a failure nothing new is started, unless told to keep going; what needs the failed one
    is never matched.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .candidate import Candidate
from .context import Context
from .matchers import Need
from .refs import DRef, RRef
from .unmet import nothing_new, rejected_again, too_many

SAME_AGAIN = 3  # attempts with one result after which a stage counts as deterministic


@dataclass(frozen=True)
class Match:
    """Ask the matcher. Answer with Chosen, Wants or Failed."""

    dref: DRef
    context: Context


@dataclass(frozen=True)
class Realize:
    """Build one realization. Answer with Built or Failed."""

    dref: DRef
    context: Context
    forced: bool = False


@dataclass(frozen=True)
class Chosen:
    """The matcher has chosen."""

    dref: DRef
    rrefs: tuple[RRef, ...]


@dataclass(frozen=True)
class Wants:
    """The matcher wants more than there is."""

    dref: DRef
    need: Need
    attempts: int = 0  # that succeeded so far
    realizations: int = 0  # that exist

    @property
    def hopeless(self) -> bool:
        """Whether other realizations are wanted of what always makes the same."""
        same_again = self.attempts >= SAME_AGAIN and self.realizations == 1
        return same_again and self.need.of == "realizations"


@dataclass(frozen=True)
class Built:
    """A realizer succeeded; `fresh` when the result was not there before."""

    dref: DRef
    rref: RRef
    fresh: bool
    rejected: str = ""  # why it must not be used, where a person has said so


@dataclass(frozen=True)
class Failed:
    """A derivation cannot be had in this call."""

    dref: DRef
    error: BaseException


@dataclass(frozen=True)
class Dropped:
    """An instruction was not followed, since another derivation has failed."""

    dref: DRef


Instruction = Match | Realize
Report = Chosen | Wants | Built | Failed | Dropped


@dataclass
class _State:
    unmet: int
    used: int = 0  # builds that were asked for
    outstanding: int = 0  # builds of this round not yet reported
    fresh: bool = True  # whether the last round brought something new
    usable: bool = False  # whether it brought something that was not rejected
    rejected: dict[RRef, str] = field(default_factory=dict)  # what else it brought, and why
    context: Context = field(default_factory=Context)


class Schedule:
    """Decides what comes next, for derivations given inputs first."""

    def __init__(
        self,
        inputs: Mapping[DRef, tuple[DRef, ...]],
        forced: Iterable[DRef] = (),
        max_attempts: int = 100,
        keep_going: bool = False,
    ) -> None:
        self.chosen: dict[DRef, tuple[RRef, ...]] = {}
        self.failures: dict[DRef, BaseException] = {}
        self._inputs = inputs
        self._forced = frozenset(forced)
        self._max_attempts = max_attempts
        self._keep_going = keep_going
        self._states = {dref: _State(unmet=len(needs)) for dref, needs in inputs.items()}
        self._dependents: dict[DRef, list[DRef]] = {dref: [] for dref in inputs}
        for dref, needs in inputs.items():
            for need in needs:
                self._dependents[need].append(dref)
        self._queue: deque[Instruction] = deque()  # what holds a lock comes first
        self._in_flight = 0
        for dref, state in self._states.items():
            if not state.unmet:
                self._ready(dref)

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do, and nothing more to hear."""
        return not self._in_flight and not self._waits()

    @property
    def skipped(self) -> list[DRef]:
        """What was neither chosen nor failed, when it has ended."""
        return [d for d in self._states if d not in self.chosen and d not in self.failures]

    def next(self) -> Instruction | None:
        """The next instruction, if one can be started now."""
        if not self._waits():
            return None
        self._in_flight += 1
        return self._queue.popleft()

    def _waits(self) -> bool:
        """Whether an instruction waits, after those of what has failed were thrown away."""
        while self._queue and self._queue[0].dref in self.failures:
            self._queue.popleft()
        return bool(self._queue)

    def tell(self, report: Report) -> None:
        """Takes the answer to an instruction."""
        self._in_flight -= 1
        if isinstance(report, Failed):
            self._fail(report.dref, report.error)
        elif isinstance(report, Dropped) or report.dref in self.failures:
            return  # a running sibling of a failed attempt has finished
        elif isinstance(report, Chosen):
            self._choose(report)
        elif isinstance(report, Wants):
            self._want(report)
        else:
            self._count(report)

    def _ready(self, dref: DRef) -> None:
        state = self._states[dref]
        state.context = Context({need: self.chosen[need] for need in self._inputs[dref]})
        if dref in self._forced:
            self._build(dref, 1, forced=True)
        elif self.goes_on:
            self._queue.append(Match(dref, state.context))

    def _choose(self, report: Chosen) -> None:
        self.chosen[report.dref] = report.rrefs
        for dependent in self._dependents[report.dref]:
            state = self._states[dependent]
            state.unmet -= 1
            if not state.unmet:
                self._ready(dependent)

    def _want(self, report: Wants) -> None:
        state, need = self._states[report.dref], report.need
        if state.rejected and not state.usable:
            self._fail(report.dref, rejected_again(report, state.rejected))
        elif report.hopeless or (need.of == "realizations" and not state.fresh):
            self._fail(report.dref, nothing_new(report))
        elif state.used >= self._max_attempts:
            self._fail(report.dref, too_many(report, state.used))
        else:
            state.fresh = need.of == "attempts"
            self._build(report.dref, min(need.n, self._max_attempts - state.used))

    def _build(self, dref: DRef, count: int, forced: bool = False) -> None:
        state = self._states[dref]
        state.used += count
        state.outstanding = count
        state.usable, state.rejected = False, {}
        if self.goes_on:
            self._queue.extendleft([Realize(dref, state.context, forced)] * count)

    def _count(self, report: Built) -> None:
        state = self._states[report.dref]
        state.fresh |= report.fresh and not report.rejected
        state.usable |= not report.rejected
        state.rejected |= {report.rref: report.rejected} if report.rejected else {}
        state.outstanding -= 1
        if not state.outstanding and self.goes_on:
            self._queue.appendleft(Match(report.dref, state.context))

    def _fail(self, dref: DRef, error: BaseException) -> None:
        self.failures.setdefault(dref, error)
        if not self._keep_going:
            self._queue.clear()

    @property
    def goes_on(self) -> bool:
        """Whether anything new may be started."""
        return self._keep_going or not self.failures


def more_attempts(wanted: int, candidates: Iterable[Candidate]) -> Need | None:
    """What a caller wants beyond the attempts there are; equal seeds with one result count once."""
    if wanted <= 1:
        return None  # what the matcher itself sees to
    done = {(attempt.seed, c.rref) for c in candidates for attempt in c.attempts}
    return Need(wanted - len(done), of="attempts") if wanted > len(done) else None
