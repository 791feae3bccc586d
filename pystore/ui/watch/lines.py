"""Lines: events as text or as JSON, one line for each, for logs and programs."""

import json
from collections.abc import Callable
from math import floor
from typing import TextIO

from ...core.events import Event, Progress, event_record
from ...core.progress import Key, Tally
from ..quantities import span
from .words import Labels, beginning, ending, how_far, summary

_STEPS = 10  # the most lines about the progress of one attempt
_APART = 5.0  # [s] at least between two of them


class Lines:
    """Plain lines: what begins, ends or fails, and from time to time the progress."""

    def __init__(self, stream: Callable[[], TextIO], labels: Labels, since: float) -> None:
        self._stream = stream
        self._labels = labels
        self._since = since
        self._now = since
        self._tally = Tally()
        self._told: dict[Key, tuple[int, float]] = {}  # the step of the last line, and when

    def hear(self, event: Event, tally: Tally, now: float) -> None:
        """Writes the line of the event, if it has one."""
        self._tally, self._now = tally, now
        words = ending(event, self._labels) or beginning(event, self._labels)
        if words:
            self._write(" ".join(words))
        elif isinstance(event, Progress):
            self._tell((event.dref, event.number), now)

    def close(self) -> None:
        """Writes the summary."""
        self._write(summary(self._tally, self._now - self._since))

    def _tell(self, key: Key, now: float) -> None:
        one = self._tally.running.get(key)
        if one is None or one.fraction is None:
            return
        step = floor(one.fraction * _STEPS)
        last, at = self._told.get(key, (0, one.since))
        if 0 < step < _STEPS and step != last and now - at >= _APART:
            self._told[key] = (step, now)
            left = one.remaining(now)
            more = f", ~{span(left)} left" if left else ""
            self._write(f"building {self._labels(*key)}: {how_far(one)}{more}")

    def _write(self, text: str) -> None:
        write_line(self._stream(), f"pystore: {text}")


class Json:
    """Every event as a JSON object on a line of its own."""

    def __init__(self, stream: Callable[[], TextIO]) -> None:
        self._stream = stream

    def hear(self, event: Event, tally: Tally, now: float) -> None:
        """Writes the event."""
        write_line(self._stream(), json.dumps(event_record(event)))

    def close(self) -> None:
        """Does nothing: every event is written."""


def write_line(stream: TextIO, text: str) -> None:
    """Writes a line. A reader that has gone must not harm a build: then it writes nothing."""
    encoding = stream.encoding or "utf-8"
    try:
        if not stream.closed:
            stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            stream.flush()
    except OSError:  # a pipe that has ended, a full disk
        return
