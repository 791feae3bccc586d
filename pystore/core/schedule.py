"""Schedule: which derivation to match or to build next. Reports in, instructions out; no effects.

SC1  Inputs are chosen before what needs them is matched; each derivation is matched at least once.
SC2  A choice is made once, and then stands.
SC3  Linear: unmet inputs are counted, never rescanned.
SC4  A derivation is matched again when all builds of its round have ended.
SC5  After a failure nothing new is started, unless told to keep going; what needs the failed one
     is never matched.
"""

from collections import deque
from collections.abc import Mapping

from .context import Context
from .dataclasses import dataclass, field
from .refs import DRef, RRef


@dataclass(frozen=True)
class Match:
    """Judge what to do for a derivation. Answer with Chosen, Round, Failed or Dropped."""

    dref: DRef
    context: Context


@dataclass(frozen=True)
class Realize:
    """Build one realization, with a new seed or this one. Answer with Built, Failed or Dropped."""

    dref: DRef
    context: Context
    seed: int | None = None


@dataclass(frozen=True)
class Chosen:
    """The matcher has chosen."""

    dref: DRef
    rrefs: tuple[RRef, ...]


@dataclass(frozen=True)
class Round:
    """The derivation is to be built, once for each of these seeds, before it is matched again."""

    dref: DRef
    seeds: tuple[int | None, ...]


@dataclass(frozen=True)
class Built:
    """A realizer succeeded."""

    dref: DRef


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
Report = Chosen | Round | Built | Failed | Dropped


@dataclass
class _State:
    unmet: int
    outstanding: int = 0  # builds of this round that have not ended
    context: Context = field(default_factory=Context)


class Schedule:
    """Decides what comes next, for derivations given inputs first."""

    def __init__(self, inputs: Mapping[DRef, tuple[DRef, ...]], keep_going: bool = False) -> None:
        self.chosen: dict[DRef, tuple[RRef, ...]] = {}
        self.failures: dict[DRef, BaseException] = {}
        self._inputs = inputs
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
        """The derivations that were neither chosen nor failed, when the schedule has ended."""
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
            pass  # a running sibling of a failed attempt has finished
        elif isinstance(report, Chosen):
            self._choose(report)
        elif isinstance(report, Round):
            self._begin(report)
        else:
            self._count(report.dref)

    def _ready(self, dref: DRef) -> None:
        context = Context({need: self.chosen[need] for need in self._inputs[dref]})
        self._states[dref].context = context
        if self.goes_on:
            self._queue.append(Match(dref, context))

    def _choose(self, report: Chosen) -> None:
        self.chosen[report.dref] = report.rrefs
        for dependent in self._dependents[report.dref]:
            state = self._states[dependent]
            state.unmet -= 1
            if not state.unmet:
                self._ready(dependent)

    def _begin(self, report: Round) -> None:
        state = self._states[report.dref]
        state.outstanding = len(report.seeds)
        if self.goes_on:
            builds = [Realize(report.dref, state.context, seed) for seed in report.seeds]
            self._queue.extendleft(reversed(builds))

    def _count(self, dref: DRef) -> None:
        state = self._states[dref]
        state.outstanding -= 1
        if not state.outstanding and self.goes_on:
            self._queue.appendleft(Match(dref, state.context))

    def _fail(self, dref: DRef, error: BaseException) -> None:
        self.failures.setdefault(dref, error)
        if not self._keep_going:
            self._queue.clear()

    @property
    def goes_on(self) -> bool:
        """Whether anything new may be started."""
        return self._keep_going or not self.failures
