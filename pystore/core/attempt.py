"""Attempt: one run of a realizer, as the loop reports it and as the store remembers it.

AT1  The text of an attempt carries its own checksum: a changed byte is noticed.
AT2  Within a (derivation, context), starts strictly increase (S7).
AT3  A pruned attempt is written as a stopped one with a note: so earlier versions can read it.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from .dataclasses import dataclass, field
from .digest import short
from .errors import BadRef, Corrupted, PystoreError
from .refs import DRef, RRef

Outcome = Literal["succeeded", "failed", "stopped", "pruned", "died", "running"]
"""How an attempt ended: `stopped` by its caller, as with Ctrl-C; `pruned` by a search that had no
more use for it; `died` without a record."""

Trace = list[tuple[int, str, float]]  # step, name, value

StopRule = Callable[[Trace], Mapping[str, Any] | None]
"""Says of what an attempt has told until now why it is pruned; None to go on."""

PRUNED = "pruned"  # the note of an attempt that was pruned
_WHY = {"metric", "step", "value"}  # what it says: by which metric, and where that stood


class Pruned(PystoreError):
    """A search had no more use for an attempt, which then ended early. It is no failure."""


def outcome_of(error: BaseException) -> Outcome:
    """The outcome of an attempt that ended with this exception."""
    if isinstance(error, Pruned):
        return "pruned"
    return "stopped" if isinstance(error, KeyboardInterrupt) else "failed"


_DECODER = json.JSONDecoder()
_dref = lru_cache(64)(DRef)  # the attempts of one derivation share it
_HEAD = '{"checksum":"'
_BODY = len(_HEAD) + 32 + 2  # where the rest begins: after the digits, a quote and a comma


class Attempt(NamedTuple):
    """One run of a realizer: number `number` within its (derivation, context)."""

    id: str  # random, 32 hex: tells copies of one attempt from two attempts
    dref: DRef
    context: str  # 32 hex
    number: int
    outcome: Outcome
    rref: RRef | None  # when it succeeded
    error: str | None  # when it failed or was stopped
    seed: int
    start: int  # [ns since the epoch, UTC]
    stop: int  # [ns since the epoch, UTC]; equals start where it is not known
    host: str
    pid: int
    realizer: str  # the function's qualified name
    source: str  # digest of the function's source, 32 hex; "" where it could not be read
    versions: Mapping[str, str]
    metrics: Mapping[str, float]
    notes: Mapping[str, Any]  # added by build_note
    tree: str | None = None  # digest of the manifest of what it made, 64 hex; None if unknown
    reads: Mapping[str, str] | None = None  # of its inputs beyond their bytes; None if unknown
    # Of each metric over steps the highest and the lowest: see extremes.py; None without any.
    extremes: Mapping[str, Mapping[str, list[float]]] | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it made a realization."""
        return self.outcome == "succeeded"

    @property
    def duration(self) -> float:
        """How long it ran [s], without the time in which it was dead."""
        return (self.stop - self.start) / 1e9 - self.dead

    @property
    def dead(self) -> float:
        """How long it was dead, until another process went on with it [s]; 0 if it never died."""
        told = self.notes.get("dead")
        return told / 1e9 if type(told) is int and 0 < told <= self.stop - self.start else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The attempt as a JSON object: the fields by name, times in nanoseconds."""
        return self._asdict()

    @property
    def order(self) -> tuple[int, int, str]:
        """A key that sorts the attempts of one (derivation, context) from first to last (S7)."""
        return (self.start, self.number, self.id)


@dataclass(frozen=True)
class Committed:
    """The realization that an attempt has made."""

    rref: RRef
    fresh: bool  # False: the store had the same bytes already


@dataclass
class AttemptReport:
    """The facts that an attempt has reported until now, beside its output."""

    realizer: str = ""
    source: str = ""
    outside: set[str] = field(default_factory=set)  # link targets that may lie outside
    notes: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    trace: Trace = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)  # of imported packages, and more
    diff: bytes = b""  # how the project's files differ from its last revision
    reads: dict[str, str] | None = None  # of an earlier try, if the staging has no notes
    pruned: Mapping[str, Any] | None = None  # why a search has no more use for it


# Keys that a later version adds are ignored.
_needed = itemgetter(*(key for key in Attempt._fields if key not in Attempt._field_defaults))
_late = tuple(Attempt._field_defaults)  # keys that records of earlier versions lack


def told_of(attempt: Attempt) -> dict[str, Any]:
    """The record of an attempt as a dict; without reads and extremes if there are none."""
    value = attempt._asdict()
    for name in ("reads", "extremes"):
        if value[name] is None:
            del value[name]
    if attempt.outcome == "pruned":
        value["outcome"] = "stopped"  # and it has the note (AT3)
    return value


def outcome_in(value: Mapping[str, Any]) -> Any:
    """The outcome that a record tells (AT3)."""
    if value["outcome"] != "stopped":
        return value["outcome"]
    note = value["notes"].get(PRUNED)  # a realizer may have a note of this name for itself
    return "pruned" if isinstance(note, dict) and note.keys() == _WHY else "stopped"


def attempt_text(attempt: Attempt) -> bytes:
    """The record of an attempt, with its checksum in front."""
    body = json.dumps(told_of(attempt), sort_keys=True, separators=(",", ":"))[1:] + "\n"
    return f'{_HEAD}{short("pystore attempt 1", body.encode())}",{body}'.encode()


def checksum_is_right(text: bytes) -> bool:
    """Whether the record of an attempt matches its checksum (AT1)."""
    return text[len(_HEAD) : _BODY - 2].decode("latin-1") == short(
        "pystore attempt 1", text[_BODY:]
    )


def parse_attempt(text: bytes) -> Attempt:
    """The attempt in a record. Raises Corrupted."""
    if not checksum_is_right(text):
        raise Corrupted("the record of an attempt does not match its checksum")
    try:
        value = _DECODER.decode(text.decode())
        del value["checksum"]
        value["dref"] = _dref(value["dref"])
        if value["rref"]:
            value["rref"] = RRef(value["rref"])
        if value["outcome"] == "stopped":
            value["outcome"] = outcome_in(value)
        return Attempt(*_needed(value), *map(value.get, _late))
    except (ValueError, KeyError, TypeError, AttributeError, BadRef, RecursionError) as error:
        raise Corrupted("not the record of an attempt", because=repr(error)[:200]) from None
