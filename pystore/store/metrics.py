"""Metrics from files: numbers that an output tree states, copied into the attempt.

`accuracy.txt`, or any small text file: the number on its first line, under the file's path.
`metrics.json`: an object of names and numbers.
`metrics.jsonl`: lines `{"step": 3, "name": "loss", "value": 0.5}`, a trace; the last value counts.
"""

import json
import os
import warnings
from pathlib import Path
from typing import Any

from ..model.candidate import first_number
from ..model.errors import PystoreWarning
from ..model.manifest import Manifest
from . import disk

Trace = list[tuple[int, str, float]]  # step, name, value

_SIZE = 64  # [bytes] of the largest text file that is looked at for a number
_MOST = 100  # metrics from files


def metrics_of(out: Path, manifest: Manifest) -> tuple[dict[str, float], Trace]:
    """The metrics and the trace that the files of a tree state."""
    paths = {os.fsdecode(e.path): e.size for e in manifest.entries if e.kind == "file"}
    found: dict[str, float] = {}
    for path, size in paths.items():
        if size <= _SIZE and len(path) <= 255 and path.endswith(".txt") and len(found) < _MOST:
            found[path] = first_number(disk.read(f"{out}/{path}"))
    trace = _read_trace(out) if "metrics.jsonl" in paths else []
    found |= {name: value for _, name, value in trace}
    if "metrics.json" in paths:
        found |= _read_object(out)
    return {name: value for name, value in found.items() if is_finite(value)}, trace


def is_finite(value: float) -> bool:
    """Whether it is a number that can be ranked."""
    return value == value and abs(value) != float("inf")


def _read_object(out: Path) -> dict[str, float]:
    try:
        value = json.loads(disk.read(out / "metrics.json"))
        if not isinstance(value, dict):
            raise ValueError("it is not an object of names and numbers")
        return {str(name): _number(number) for name, number in value.items()}
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        _warn("metrics.json", error)
        return {}


def _read_trace(out: Path) -> Trace:
    try:
        rows = [json.loads(line) for line in disk.read(out / "metrics.jsonl").splitlines() if line]
        return [(int(row["step"]), str(row["name"]), _number(row["value"])) for row in rows]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        _warn("metrics.jsonl", error)
        return []


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _warn(file: str, error: Exception) -> None:
    warnings.warn(
        f"{file} states no metrics: {error!r}; write names and numbers, such as "
        '{"val_loss": 0.5}. The file itself is kept as it is',
        PystoreWarning,
        stacklevel=3,
    )


def trace_text(trace: Trace) -> bytes:
    """The text of a trace as a file."""
    rows = [{"step": step, "name": name, "value": value} for step, name, value in trace]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parse_trace(text: bytes) -> Trace:
    """The trace that `trace_text` wrote."""
    rows = [json.loads(line) for line in text.splitlines()]
    return [(row["step"], row["name"], row["value"]) for row in rows]
