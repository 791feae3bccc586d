"""The text of a claim: which attempt began, when, and who runs it."""

import json
import os
from typing import Any

from ..core.context import Context

_SAYS = (
    ("inputs", dict), ("number", int), ("seed", int), ("start", int),
    ("host", str), ("pid", int), ("staging", str),
)  # fmt: skip


def claim_text(context: Context, number: int, seed: int, start: int, staging: str) -> bytes:
    """The text of a claim of this process."""
    record = {
        "inputs": dict(context),
        "number": number,
        "seed": seed,
        "start": start,
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "staging": staging,
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
