"""A claim of an attempt and its text: which attempt began, when, and who runs it."""

import json
import os
from typing import Any

from ..core.context import Context
from ..core.dataclasses import dataclass

_SAYS = (
    ("inputs", dict), ("number", int), ("seed", int), ("start", int),
    ("host", str), ("pid", int), ("staging", str),
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A claimed number of an attempt, with its seed and its start."""

    number: int
    seed: int
    start: int  # [ns since the epoch, UTC]
    dead: int = 0  # between its tries by processes that died [ns]


def claim_text(context: Context, claim: Claim, staging: str) -> bytes:
    """The text of a claim of this process."""
    record = {
        "inputs": dict(context),
        "number": claim.number,
        "seed": claim.seed,
        "start": claim.start,
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "staging": staging,
        **({"dead": claim.dead} if claim.dead else {}),
    }
    return json.dumps(record, sort_keys=True).encode()


def parse_claim(text: bytes) -> dict[str, Any]:
    """The facts in the text of a claim; empty if a crash has torn it, or it is not ours."""
    try:
        begin = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(begin, dict) or any(type(begin.get(k)) is not t for k, t in _SAYS):
        return {}
    return begin
