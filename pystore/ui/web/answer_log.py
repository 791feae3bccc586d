"""AnswerLog: a file with a JSON line for each answer, written off the request path.

AL1  A line has the time, the realization, the digest of the code that answered, the key and the
    reply; the input only if it is wanted.
AL2  A log that cannot be written fails no request: the loss is counted, and told once.
"""

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from .batches import Answered
from .inputs import Body

_MOST_WAITING = 10_000  # lines, when the disk is slower than the answers


class AnswerLog:
    """Lines that are appended to a file by a thread. Several processes may append to one file."""

    def __init__(self, path: Path, with_inputs: bool, tell: Callable[[str], None]) -> None:
        self.lost = 0
        self._path = path
        self._with_inputs = with_inputs
        self._tell = tell
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._written = Event()
        Thread(target=self._work, name="pystore log", daemon=True).start()

    def note(self, key: str, body: Body, raw: Any, answer: Answered) -> None:
        """Appends a line soon."""
        if self._lines.qsize() >= _MOST_WAITING:
            self.lost += 1
            return
        told: dict[str, Any] = {"time": _now(), "rref": answer.rref, "digest": answer.digest}
        told["key"] = key
        if self._with_inputs and body.is_picture:
            told["picture"] = base64.b64encode(body.data).decode()
        elif self._with_inputs:
            told["input"] = raw
        told["reply"] = answer.predictions
        self._lines.put(json.dumps(told).encode() + b"\n")

    def close(self, within: float = 1.0) -> None:
        """Writes the lines that wait, if it does not take longer [s]."""
        self._lines.put(None)
        self._written.wait(within)

    def _work(self) -> None:
        ended = False
        while not ended:
            lines = [self._lines.get()]
            try:
                while len(lines) < 1000:
                    lines.append(self._lines.get_nowait())
            except Empty:
                pass
            ended = None in lines
            self._append([line for line in lines if line is not None])
        self._written.set()

    def _append(self, lines: list[bytes]) -> None:
        try:
            # Opened each time: a log may be moved away while the service runs.
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            try:
                _write(file, b"".join(lines))
            finally:
                os.close(file)
        except OSError as error:
            if not self.lost:
                self._tell(f"answers are not logged: {error}")
            self.lost += len(lines)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
