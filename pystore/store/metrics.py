"""Metrics from files: numbers in the files of an output, which are copied into the attempt.

`accuracy.txt`, or any small text file: the number on its first line, under the file's path.
`metrics.json`: an object of names and numbers; a table in it gives dotted names: `test.f1`.
`metrics.jsonl`: lines `{"step": 3, "name": "loss", "value": 0.5}`, a trace; the last value counts.

MR1  A value that is no number, or a name that stands twice in a table, is named in a warning; the
    numbers beside it count. So is a name with half a character, which no other program takes.
MR2  Of many text files with numbers, those in the fewest folders count, and a warning says how many
    do not. Text files without a number do not count as some of these.
"""

import json
import os
import warnings
from pathlib import Path
from typing import Any

from ..core.attempt import Trace
from ..core.candidate import first_number
from ..core.errors import PystoreWarning
from ..core.manifest import Manifest
from ..core.plain import is_text
from ..core.printable import printable
from . import disk

_SIZE = 64  # [bytes] of the largest text file in which a number is looked for
_MOST = 100  # metrics from text files
_MOST_READ = 1000  # text files; an output may have a hundred thousand
_NAMED = 5  # odd values that a warning names


def metrics_of(out: Path, manifest: Manifest) -> tuple[dict[str, float], Trace]:
    """The metrics and the trace in the files of a tree."""
    paths = {os.fsdecode(e.path): e.size for e in manifest.entries if e.kind == "file"}
    found = _read_texts(out, paths)
    trace = _read_trace(out) if "metrics.jsonl" in paths else []
    found |= {name: value for _, name, value in trace}
    if "metrics.json" in paths:
        found |= _read_object(out)
    return {name: value for name, value in found.items() if is_finite(value)}, trace


def _read_texts(out: Path, paths: dict[str, int]) -> dict[str, float]:
    """The numbers in small text files (MR2)."""
    small = [
        path
        for path, size in paths.items()
        if size <= _SIZE and len(path) <= 255 and path.endswith(".txt") and is_text(path)
    ]
    small.sort(key=lambda path: path.count("/"))
    numbers = {path: first_number(disk.read(f"{out}/{path}")) for path in small[:_MOST_READ]}
    finite = [path for path, number in numbers.items() if is_finite(number)]
    if len(finite) > _MOST:
        left = len(finite) - _MOST + len(small[_MOST_READ:])
        warnings.warn(
            f"{_MOST} numbers in text files of this output are metrics, and {left} further text "
            f"files are left out, from {finite[_MOST]} on; metrics.json holds as many as you like",
            PystoreWarning,
            stacklevel=3,
        )
    return {path: numbers[path] for path in finite[:_MOST]}


def is_finite(value: float) -> bool:
    """Whether a number can be ranked."""
    return value == value and abs(value) != float("inf")


def take_last(metrics: dict[str, float], name: str, value: float) -> None:
    """Takes the last value of a metric. One that is not finite takes the metric away."""
    metrics.pop(name, None)
    if is_finite(value):
        metrics[name] = value


def _read_object(out: Path) -> dict[str, float]:
    """The numbers in `metrics.json`; those of tables have dotted names: `test.f1`."""
    try:
        value = _loads(disk.read(out / "metrics.json"))
        if not isinstance(value, dict):
            raise ValueError("it is not an object of names and numbers")
    except (ValueError, RecursionError) as error:
        _warn("metrics.json", f"states no metrics: {error!r}")
        return {}
    found: dict[str, float] = {}
    odd: list[str] = []
    left = list(reversed(value.items()))
    while left:
        name, item = left.pop()
        if isinstance(item, dict):
            left += [(f"{name}.{key}", inner) for key, inner in reversed(item.items())]
        elif name in found or not is_text(name) or (number := _number(item)) is None:
            odd.append(f"{printable(name)} ({_brief(item)})")
        else:
            found[name] = number
    _warn_of_odd("metrics.json", odd)
    return found


def _read_trace(out: Path) -> Trace:
    trace: Trace = []
    odd: list[str] = []
    for place, line in enumerate(disk.read(out / "metrics.jsonl").splitlines(), 1):
        if line.strip():
            try:
                trace.append(_point(_loads(line)))
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                odd.append(f"line {place} ({type(error).__name__}: {error})"[:200])
    _warn_of_odd("metrics.jsonl", odd)
    return trace


def _point(row: Any) -> tuple[int, str, float]:
    number = _number(row["value"])
    if number is None:
        raise ValueError(f"{_brief(row['value'])} is no number")
    if not isinstance(row["name"], str) or not is_text(row["name"]):
        raise TypeError(f"{_brief(row['name'])} is no name")
    return whole(row["step"]), row["name"], number


def whole(step: Any) -> int:
    """A step as an integer. Raises TypeError, ValueError, OverflowError for what is no step."""
    number = int(step)
    if hasattr(step, "__float__") and step != number:
        raise ValueError(f"{step} is no whole number")
    return number


def _loads(text: bytes) -> Any:
    """The value of a JSON text; of a name that stands twice in a table, the list of its values."""
    return json.loads(text, object_pairs_hook=_table)


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: several[0] if len(several) == 1 else several for name, several in found.items()}


def _number(value: Any) -> float | None:
    """The value as a float, if it is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _warn_of_odd(file: str, odd: list[str]) -> None:
    if odd:
        more = f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
        told = ", ".join(odd[:_NAMED]) + more
        _warn(file, f"states what is no number, and no metric: {told}")


def _warn(file: str, what: str) -> None:
    warnings.warn(
        f"{file} {what}; write names and numbers, such as "
        '{"val_loss": 0.5}. The file itself is kept as it is',
        PystoreWarning,
        stacklevel=4,
    )


def trace_text(trace: Trace) -> bytes:
    """A trace as the text of a file."""
    rows = [{"step": step, "name": name, "value": value} for step, name, value in trace]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parse_trace(text: bytes) -> Trace:
    """The trace that `trace_text` wrote."""
    rows = [json.loads(line) for line in text.splitlines()]
    return [(row["step"], row["name"], row["value"]) for row in rows]
