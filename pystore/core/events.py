"""Events: frozen values that tell a listener what a call is doing.

A listener is a function of one event; its result is ignored.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any

from .dataclasses import dataclass
from .refs import DRef, RRef

__all__ = [
    "Adopted",
    "AttemptFailed",
    "Event",
    "Fetched",
    "Listener",
    "Metric",
    "NotChosen",
    "OtherInputs",
    "Progress",
    "Reused",
    "Sent",
    "SourceFailed",
    "Started",
    "Succeeded",
    "Waiting",
    "event_record",
    "ignore",
]


@dataclass(frozen=True)
class Event:
    """Something happened to a derivation."""

    dref: DRef


@dataclass(frozen=True)
class Reused(Event):
    """The matcher chose realizations without a build in this call."""

    rrefs: tuple[RRef, ...]


@dataclass(frozen=True)
class Adopted(Event):
    """Results that were made elsewhere from the same bytes count for this derivation too."""

    rrefs: tuple[RRef, ...]
    attempts: int


@dataclass(frozen=True)
class Started(Event):
    """A realizer starts."""

    number: int  # of the attempt
    seed: int
    staging: str  # the path of its output directory
    log: str = ""  # the path of its output, if that is captured
    pid: int = 0  # of the process that runs it, if that is another process


@dataclass(frozen=True)
class Succeeded(Event):
    """An attempt was committed."""

    number: int
    rref: RRef
    fresh: bool  # False: the store had the same bytes already
    duration: float  # [s]


@dataclass(frozen=True)
class AttemptFailed(Event):
    """An attempt failed or was stopped."""

    number: int
    error: str
    stopped: bool = False  # by the caller, as with Ctrl-C; the realizer did not fail
    again: bool = False  # whether it is tried again


@dataclass(frozen=True)
class Progress(Event):
    """A realizer tells its progress."""

    done: float
    total: float | None
    unit: str
    number: int = 0  # of the attempt


@dataclass(frozen=True)
class Metric(Event):
    """A realizer tells a metric; with `step`, one point of its trace."""

    name: str
    value: float  # it may be infinite, or NaN
    step: int | None = None
    number: int = 0  # of the attempt


@dataclass(frozen=True)
class Fetched(Event):
    """Realizations were fetched from a remote, and checked."""

    rrefs: tuple[RRef, ...]
    source: str  # the URL
    size: int  # [bytes] that were transferred


@dataclass(frozen=True)
class Sent(Event):
    """Realizations were sent to a remote."""

    rrefs: tuple[RRef, ...]
    target: str  # the URL
    size: int  # [bytes] that were transferred


@dataclass(frozen=True)
class SourceFailed(Event):
    """A remote did not answer, or sent bad data; the call goes on without it."""

    source: str  # the URL
    error: str


@dataclass(frozen=True)
class Waiting(Event):
    """Another process builds the same derivation; `owner` names it, and since when."""

    owner: str


@dataclass(frozen=True)
class NotChosen(Event):
    """A forced build succeeded, but the matcher chose other realizations."""

    rref: RRef
    chosen: tuple[RRef, ...]


@dataclass(frozen=True)
class OtherInputs(Event):
    """The matcher wants a build; realizations exist for other inputs."""

    count: int


Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener that does nothing."""


def event_record(event: Event) -> dict[str, Any]:
    """The event as a JSON object: its kind, then its fields."""
    from dataclasses import asdict  # for its weight

    record = {"event": type(event).__name__, **asdict(event)}
    if isinstance(event, Metric) and not isfinite(event.value):
        record["value"] = None  # which JSON has no word for
    return record
