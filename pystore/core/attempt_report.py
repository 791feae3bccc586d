"""AttemptReport: what the build loop reports about an attempt, beside its output."""

from dataclasses import dataclass, field
from typing import Any

Trace = list[tuple[int, str, float]]  # step, name, value


@dataclass
class AttemptReport:
    """What an attempt has reported until now."""

    realizer: str = ""
    source: str = ""
    outside: set[str] = field(default_factory=set)  # link targets that may lie outside
    notes: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    trace: Trace = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)  # of imported packages, and more
    diff: bytes = b""  # how the project's files differ from its last revision
    reads: dict[str, str] | None = None  # of an earlier try, if the staging has no notes
