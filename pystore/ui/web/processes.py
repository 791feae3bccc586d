"""Processes: several that do the same work, each replaced when it dies.

They are forked, so that the model of a user's program need not be sent to them.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from ...core.dataclasses import dataclass
from .stop import Stop

_PAUSE = 0.05  # [s] between looks
_REST = 1.0  # [s] before one that died at once is replaced
_GRACE = 4.7  # [s] to end by themselves


@dataclass
class _Child:
    pid: int | None
    begun: float


class Processes:
    """So many processes that run `work`, until `stop` says so."""

    def __init__(self, work: Callable[[], None], stop: Stop, tell: Callable[[str], None]) -> None:
        self._work = work
        self._stop = stop
        self._tell = tell
        self._ends_with_us = os.pipe()  # nothing is written: it ends when this process ends

    def run(self, count: int) -> None:
        """Returns when all have ended."""
        children = [self._fork() for _ in range(count)]
        while not self._stop.came:
            children = [self._replaced(child) for child in children]
            time.sleep(_PAUSE)
        self._end([child.pid for child in children if child.pid is not None])
        for end in self._ends_with_us:
            os.close(end)

    def _replaced(self, child: _Child) -> _Child:
        if child.pid is not None:
            if not _has_ended(child.pid):
                return child
            if not self._stop.came:
                self._tell(f"process {child.pid} has ended; another takes its place")
            child.pid = None
        if self._stop.came or time.monotonic() - child.begun < _REST:
            return child
        return self._fork()

    def _fork(self) -> _Child:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be_child()
        return _Child(pid, time.monotonic())

    def _be_child(self) -> NoReturn:
        code = 1
        try:
            reading, writing = self._ends_with_us
            os.close(writing)
            threading.Thread(target=self._watch, args=(reading,), daemon=True).start()
            self._work()
            code = 0
        except BaseException:  # the parent's program must not go on here
            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _watch(self, reading: int) -> None:
        os.read(reading, 1)
        self._stop.ask()

    def _end(self, pids: list[int]) -> None:
        for pid in pids:
            _signal(pid, signal.SIGTERM)
        until = time.monotonic() + _GRACE
        while pids := [pid for pid in pids if not _has_ended(pid)]:
            if time.monotonic() > until or self._stop.is_urgent:
                for pid in pids:
                    _signal(pid, signal.SIGKILL)
            time.sleep(_PAUSE)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it has ended just now
        os.kill(pid, number)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True  # somebody else has asked for its end
