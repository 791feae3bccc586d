"""The text of a claim: which attempt began, when, and who runs it."""

import json
import os
from typing import Any

from ..core.context import Context

_SAYS = (
    ("inputs", dict), ("number", int), ("seed", int), ("start", int),
    ("host", str), ("pid", int), ("staging", str),
)  # fmt: skip


def claim_text(
    context: Context, number: int, seed: int, start: int, staging: str, *, dead: int = 0
) -> bytes:
    """The text of a claim of this process.

    `start` [ns since the epoch, UTC]; `dead` [ns] is the time between its tries by processes.
    """
    record = {
        "inputs": dict(context),
        "number": number,
        "seed": seed,
        "start": start,
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "staging": staging,
        **({"dead": dead} if dead else {}),
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
