"""Events: what happens while realizing, as frozen values for listeners.

A listener is a function of one event; what it returns is ignored.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from .refs import DRef, RRef

__all__ = [
    "Adopted",
    "AttemptFailed",
    "Event",
    "Fetched",
    "Listener",
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
    """Results of others, reached from the same bytes, count here too."""

    rrefs: tuple[RRef, ...]
    attempts: int


@dataclass(frozen=True)
class Started(Event):
    """A realizer starts."""

    number: int  # of the attempt
    seed: int
    staging: str  # the path of its output directory
    log: str = ""  # the path of what it prints, where that is kept
    pid: int = 0  # of the process that runs it, when it is not the one that listens


@dataclass(frozen=True)
class Succeeded(Event):
    """An attempt was committed."""

    number: int
    rref: RRef
    fresh: bool  # False: the same bytes were there already
    duration: float  # [s]


@dataclass(frozen=True)
class AttemptFailed(Event):
    """An attempt failed, or was stopped."""

    number: int
    error: str
    stopped: bool = False  # by who called it, as with Ctrl-C: no fault of the realizer's
    again: bool = False  # whether it is tried again


@dataclass(frozen=True)
class Progress(Event):
    """A realizer tells how far it is."""

    done: float
    total: float | None
    unit: str
    number: int = 0  # of the attempt


@dataclass(frozen=True)
class Fetched(Event):
    """Realizations came from elsewhere, and were checked."""

    rrefs: tuple[RRef, ...]
    source: str  # the URL
    size: int  # [bytes] that were moved


@dataclass(frozen=True)
class Sent(Event):
    """Realizations are elsewhere now, too."""

    rrefs: tuple[RRef, ...]
    target: str  # the URL
    size: int  # [bytes] that were moved


@dataclass(frozen=True)
class SourceFailed(Event):
    """A place to fetch from did not answer, or lied; the build goes on without it."""

    source: str  # the URL
    error: str


@dataclass(frozen=True)
class Waiting(Event):
    """Another process builds the same thing; `owner` says who, and since when."""

    owner: str


@dataclass(frozen=True)
class NotChosen(Event):
    """A forced build succeeded, and the matcher chose others."""

    rref: RRef
    chosen: tuple[RRef, ...]


@dataclass(frozen=True)
class OtherInputs(Event):
    """The matcher wants a build, and realizations exist for other inputs."""

    count: int


Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener that hears nothing."""


def event_record(event: Event) -> dict[str, Any]:
    """The event as a JSON object: its kind, then its fields."""
    return {"event": type(event).__name__, **asdict(event)}
