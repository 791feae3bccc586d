"""Progress: the state of a call of realize, as a pure fold over its events.

PG1  The events of one attempt come in order; the order between attempts makes no difference.
PG2  An attempt that ended stays ended: late progress changes nothing.
PG3  An event that comes twice counts once, except Reused, which comes once a derivation.
"""

from collections.abc import Mapping

from .dataclasses import dataclass, field, replace
from .events import (
    Adopted,
    AttemptFailed,
    Event,
    Fetched,
    Progress,
    Reused,
    SourceFailed,
    Started,
    Succeeded,
    Waiting,
)
from .refs import DRef

Key = tuple[DRef, int]
"""An attempt, within one call: its derivation and its number."""


@dataclass(frozen=True)
class Running:
    """An attempt that runs. Times are on the listener's clock [s]."""

    dref: DRef
    number: int
    seed: int
    since: float
    usual: float | None = None  # [s] that similar attempts took
    pid: int = 0
    log: str = ""
    done: float = 0
    total: float | None = None
    unit: str = ""
    at: float = 0.0  # when it last told its progress
    first: tuple[float, float] | None = None  # its first progress, and when it told that

    @property
    def fraction(self) -> float | None:
        """The fraction of its work that is done, 0 to 1; None when it does not tell."""
        if self.first is None or not self.total:
            return None
        return min(max(self.done / self.total, 0.0), 1.0)

    def remaining(self, now: float) -> float | None:
        """The time that may be left [s], by its own rate, else by similar attempts; else None."""
        own = self._by_rate()
        if own is not None:
            return max(own - (now - self.at), 0.0)
        if self.usual is not None:
            return max(self.usual - (now - self.since), 0.0)
        return None

    def _by_rate(self) -> float | None:
        """The time that was left at its last progress [s], by its rate since the first."""
        if self.first is None or self.total is None:
            return None
        done, at = self.first
        if self.done == done:  # it told once: the rate since the start
            done, at = 0.0, self.since
        gained, took = self.done - done, self.at - at
        return max(self.total - self.done, 0.0) * took / gained if gained > 0 else None

    def told(self, event: Progress, now: float) -> "Running":
        """The attempt after an event. Another total or unit, or a lower count, starts anew."""
        same = (event.total, event.unit) == (self.total, self.unit) and event.done >= self.done
        first = self.first if same and self.first else (event.done, now)
        return replace(
            self, done=event.done, total=event.total, unit=event.unit, at=now, first=first
        )


@dataclass(frozen=True)
class Tally:
    """The state of a call of realize."""

    total: int = 0  # derivations in the closure
    reused: int = 0  # derivations that were there already
    adopted: frozenset[DRef] = frozenset()
    fetched: frozenset[DRef] = frozenset()
    succeeded: frozenset[Key] = frozenset()
    failed: frozenset[Key] = frozenset()  # and are not tried again
    stopped: frozenset[Key] = frozenset()
    running: Mapping[Key, Running] = field(default_factory=dict)
    waiting: Mapping[DRef, str] = field(default_factory=dict)  # for which process, in words
    transfer: Running | None = None  # the transfer from a remote that goes on, in bytes

    @property
    def done(self) -> int:
        """Derivations that are done: reused, adopted or fetched, or built and none runs."""
        built = {dref for dref, _ in self.succeeded}
        busy = {dref for dref, _ in (*self.running, *self.failed, *self.stopped)}
        return self.reused + len((built | self.adopted | self.fetched) - busy)


def after(tally: Tally, event: Event, now: float = 0.0, usual: float | None = None) -> Tally:
    """The tally after an event at `now` [s]; `usual` is the usual duration of an attempt [s]."""
    match event:
        case Reused(dref=dref):
            return _reuse(tally, dref)
        case Adopted(dref=dref):
            return replace(tally, adopted=tally.adopted | {dref}, waiting=_without(tally, dref))
        case Fetched(dref=dref):
            return replace(tally, fetched=tally.fetched | {dref})
        case SourceFailed():
            return replace(tally, transfer=None)
        case Waiting(dref=dref, owner=owner):
            return replace(tally, waiting={**tally.waiting, dref: owner})
        case Started():
            return _start(tally, event, now, usual)
        case Progress():
            return _progress(tally, event, now)
        case Succeeded(dref=dref, number=number):
            ended = _end(tally, (dref, number))
            return replace(ended, succeeded=tally.succeeded | {(dref, number)})
        case AttemptFailed():
            return _fail(tally, event)
        case _:
            return tally


def matters(event: Event) -> bool:
    """Whether an event is worth a display: something starts, waits, arrives or fails."""
    kinds = (Started, Waiting, Fetched, SourceFailed, AttemptFailed)
    return isinstance(event, kinds) or (isinstance(event, Progress) and event.unit == "bytes")


def _reuse(tally: Tally, dref: DRef) -> Tally:
    others = dref in tally.adopted or dref in tally.fetched
    return replace(tally, reused=tally.reused + (not others), waiting=_without(tally, dref))


def _start(tally: Tally, event: Started, now: float, usual: float | None) -> Tally:
    key = (event.dref, event.number)
    if key in tally.running or _has_ended(tally, key):
        return tally
    one = Running(*key, event.seed, now, usual, event.pid, event.log)
    running, waiting = {**tally.running, key: one}, _without(tally, event.dref)
    return replace(tally, running=running, waiting=waiting, transfer=None)


def _fail(tally: Tally, event: AttemptFailed) -> Tally:
    key = (event.dref, event.number)
    ended = _end(tally, key)
    if event.again:
        return ended
    if event.stopped:
        return replace(ended, stopped=tally.stopped | {key})
    return replace(ended, failed=tally.failed | {key})


def _progress(tally: Tally, event: Progress, now: float) -> Tally:
    key = (event.dref, event.number)
    if key in tally.running:
        running = {**tally.running, key: tally.running[key].told(event, now)}
        return replace(tally, running=running)
    if _has_ended(tally, key) or event.unit != "bytes":
        return tally
    # This is no attempt: realizations are fetched before anything is built.
    before = tally.transfer or Running(event.dref, 0, 0, now)
    now_here = event.total is not None and event.done >= event.total
    told = replace(before.told(event, now), dref=event.dref)
    return replace(tally, transfer=None if now_here else told)


def _has_ended(tally: Tally, key: Key) -> bool:
    return key in tally.succeeded or key in tally.failed or key in tally.stopped


def _end(tally: Tally, key: Key) -> Tally:
    return replace(tally, running={k: one for k, one in tally.running.items() if k != key})


def _without(tally: Tally, dref: DRef) -> Mapping[DRef, str]:
    if dref not in tally.waiting:
        return tally.waiting
    return {other: owner for other, owner in tally.waiting.items() if other != dref}
