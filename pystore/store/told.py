"""Told: the file of what a running attempt has told so far, `<context>.<number>.live`.

TD1  What an attempt told survives kill -9: a value is in the file when it was told, or, where many
     come at once, at the next flush.
TD2  An attempt that tells nothing has no file, and one that tells much writes a few times a second.
TD3  An error of the system, such as a full disk, stops no attempt: its record has all that it told.
TD4  A line that was cut short is passed over, and the lines before it count.
TD5  The metrics of a long file are read from its end alone.

The file is not synced, and goes when the attempt has a record. Each write opens it anew: so it can
be seen from other machines, and a realizer may close all descriptors.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..core.attempt import Trace
from ..core.dataclasses import dataclass, field
from . import disk, rights
from .descriptors import Irregular, open_file
from .metrics import is_finite

_BURST, _RATE = 16.0, 4.0  # writes at one time, and in each second
_SPAN = 1 << 16  # [bytes] between two lines that have all metrics
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOFOLLOW

Progress = tuple[float, float | None, str]  # done, total, unit
Point = tuple[
    str, float, int | None
]  # the name of a metric, its value, and the step if there is one


@dataclass
class Told:
    """What an attempt has told so far."""

    metrics: dict[str, float] = field(default_factory=dict)
    trace: Trace = field(default_factory=list)  # of the lines that were read
    progress: Progress | None = None
    last: Point | None = None
    at: int = 0  # when the file was written last [ns since the epoch]
    is_whole: bool = True  # whether no metric is missing

    def hear(self, line: Mapping[str, Any]) -> None:
        """Takes a line of the file. Raises KeyError, TypeError, ValueError for a strange one."""
        if "metrics" in line:
            self.metrics = {str(k): float(v) for k, v in line["metrics"].items()}
            self.is_whole = True
        elif "done" in line:
            total = line["total"]
            whole = None if total is None else _number(total)
            self.progress = _number(line["done"]), whole, str(line["unit"])
        else:
            self._hear_metric(str(line["name"]), float(line["value"]), line.get("step"))

    def _hear_metric(self, name: str, value: float, step: Any) -> None:
        whole = None if step is None else int(step)
        if whole is not None:
            self.trace.append((whole, name, value))
        self.last = name, value, whole
        self.metrics.pop(name, None)
        if is_finite(value):
            self.metrics[name] = value


def _number(value: Any) -> float:
    if isinstance(value, (int, float)):
        return value  # whole numbers stay whole
    raise TypeError(f"{value!r} is no number")


class Telling:
    """The file of one attempt, for the process that runs it; from any of its threads."""

    def __init__(
        self,
        path: str,
        metrics: Mapping[str, float] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`metrics` are those that the attempt has told already, in the file that is there."""
        self.path = path
        self._metrics = dict(metrics or {})
        self._there = metrics is not None
        self._pid = os.getpid()
        self._clock = clock
        self._turn = threading.RLock()  # a signal handler may tell something meanwhile
        self._lines: list[bytes] = []
        self._progress: Progress | None = None
        self._spare, self._at = _BURST, clock()
        self._since_summary = 0  # [bytes]
        self._torn = True  # whether the last line of the file may have been cut short
        self._ended = False

    def metric(self, name: str, value: float, step: int | None) -> None:
        """Tells a number."""
        row = {"name": name, "value": value} | ({} if step is None else {"step": step})
        if self._is_ours():
            with self._turn:
                self._lines.append(json.dumps(row).encode() + b"\n")
                self._metrics.pop(name, None)
                if is_finite(value):
                    self._metrics[name] = value
                if self._may_write():
                    self.flush()

    def progress(self, done: float, total: float | None, unit: str) -> None:
        """Tells how much is done. The next flush writes it, since it may come with every batch."""
        self._progress = done, total, unit

    def flush(self) -> None:
        """Writes what was told and is not in the file yet (TD3)."""
        if not self._is_ours():
            return
        with self._turn:
            lines = [*self._lines, *self._line_of_progress()]
            if self._ended or not lines:
                return
            try:
                self._write(lines)
            except OSError:
                self._torn = True  # and the lines are written at the next time
            else:
                self._lines.clear()

    def end(self) -> None:
        """Writes what is left, if there is a file; later calls write nothing."""
        with self._turn:
            if self._lines:
                self.flush()
            self._ended = True

    def remove(self) -> None:
        """Removes the file: the attempt has a record."""
        self._ended = True
        if self._there:
            with suppress(OSError):  # the next attempt removes it
                disk.remove_file(self.path)

    def _is_ours(self) -> bool:
        return os.getpid() == self._pid  # in a forked child, a thread may hold the lock for ever

    def _may_write(self) -> bool:
        now = self._clock()
        self._spare = min(_BURST, self._spare + (now - self._at) * _RATE)
        self._at = now
        if self._spare < 1.0:
            return False
        self._spare -= 1.0
        return True

    def _line_of_progress(self) -> list[bytes]:
        told, self._progress = self._progress, None
        if told is None:
            return []
        done, total, unit = told
        return [json.dumps({"done": done, "total": total, "unit": unit}).encode() + b"\n"]

    def _write(self, lines: Iterable[bytes]) -> None:
        text = b"".join(lines)
        if self._since_summary + len(text) > _SPAN:
            text += json.dumps({"metrics": self._metrics}).encode() + b"\n"
            self._since_summary = -len(text)
        self._there = True
        with rights.open_file(self.path, _FLAGS) as descriptor:
            disk.write_all(descriptor, b"\n" + text if self._torn else text)
        self._torn = False
        self._since_summary += len(text)


def read(path: str) -> Told:
    """All that an attempt has told (TD4). Nothing where there is no file."""
    return _read(path, None)


def read_last(path: str) -> Told:
    """The same, with the end of the trace only (TD5)."""
    told = _read(path, 4 * _SPAN)
    return told if told.is_whole else _read(path, None)


def lines_since(path: str, place: int) -> tuple[list[dict[str, Any]], int]:
    """The lines that were written since a place in the file, and the place for the next look."""
    text, _ = _text(path, place)
    whole = text.rfind(b"\n") + 1
    return list(_parsed(text[:whole])), place + whole


def _read(path: str, most: int | None) -> Told:
    told = Told()
    try:
        size = os.stat(path).st_size
        start = 0 if most is None else max(0, size - most)
        text, told.at = _text(path, start)
    except OSError:
        return told
    if start:
        text, told.is_whole = text[text.find(b"\n") + 1 :], False
    for line in _parsed(text):
        try:
            told.hear(line)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            continue
    return told


def _text(path: str, start: int) -> tuple[bytes, int]:
    """The bytes of a file from a place on, and when it was written [ns since the epoch]."""
    try:
        with open_file(path, follow=False) as descriptor:
            os.lseek(descriptor, start, os.SEEK_SET)
            chunks = iter(lambda: os.read(descriptor, _SPAN), b"")
            return b"".join(chunks), os.fstat(descriptor).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError, Irregular):
        return b"", 0


def _parsed(text: bytes) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value
