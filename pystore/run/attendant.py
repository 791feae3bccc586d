"""Attendant: the thread of a process that looks after its running attempts.

AW1  What an attempt tells is in its file within half a second, though it tells nothing more (TD1).
AW2  An attempt that somebody asks to stop, on any host, is stopped once, as by Ctrl-C: it is
    recorded as stopped, and keeps its scratch.
AW3  No other attempt, and no code after an attempt, is interrupted by such a request.
AW4  The thread is there while attempts run, and a little longer; not while the process forks.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..core.attempt import AttemptReport
from ..store.staging import Staging
from ..store.stopping import forget_request, request_of

_EVERY = 0.25  # [s] between two looks
_BEAT = 15.0  # [s] between two signs of life for other hosts
_LINGER = 8  # looks without an attempt before the thread ends: another may start soon
_PATIENCE = 1.0  # [s] for the thread to end before a fork


class StopRequested(KeyboardInterrupt):
    """Somebody has asked that the attempt stop."""

    def __str__(self) -> str:
        return "somebody asked it to stop"


def unheard(number: int, frame: FrameType | None) -> None:
    """The handler of SIGINT in a worker, whose planner decides when to stop."""


class Attended:
    """A running attempt, and the thread that runs it."""

    def __init__(self, staging: Staging) -> None:
        self.staging = staging
        self.asked_by = ""  # who asked that it stop
        self.over = False
        self._thread = threading.get_ident()
        self._beat = time.monotonic()

    def look(self) -> None:
        """Writes what it told, and stops it if somebody asks so."""
        telling = self.staging.telling
        assert telling is not None, "it would not be attended"
        telling.flush()
        self._give_sign()
        if not self.asked_by and (found := request_of(self.staging)):
            with _turn:
                if not self.over and not self.asked_by:
                    self.asked_by = found.by
                    _interrupt(self._thread)

    def end(self, told: AttemptReport | None = None) -> None:
        """Ends the request to stop it. The report of one that failed notes who has asked."""
        if self.asked_by:
            forget_request(self.staging)
            if told is not None:
                told.notes["stopped by"] = self.asked_by

    def _give_sign(self) -> None:
        if time.monotonic() - self._beat >= _BEAT:
            self._beat = time.monotonic()
            self.staging.give_sign()


@contextmanager
def attended(one: Attended) -> Iterator[None]:
    """Looks after an attempt that this thread runs inside of the block."""
    key = id(one)
    if one.staging.telling is None:  # a run without a record, or a store in memory
        yield
        return
    try:
        _attended[key] = one
        _ensure_thread()
        yield
    finally:
        try:
            with _turn:  # afterwards nobody interrupts this thread for it (AW3)
                one.over = True
        finally:
            _attended.pop(key, None)


_attended: dict[int, Attended] = {}
_turn = threading.Lock()
_wake = threading.Event()
_threads: list[threading.Thread] = []  # the one that looks, if there is one
_forking = [0]  # forks that go on


def _ensure_thread() -> None:
    if not _threads and not _forking[0]:
        thread = threading.Thread(target=_attend, name="pystore-attendant", daemon=True)
        _threads.append(thread)
        try:
            thread.start()
        except BaseException:
            _threads.clear()  # the system starts no more threads, or Ctrl-C came
            raise


def _attend() -> None:
    idle = 0
    while idle < _LINGER and not _forking[0]:
        _wake.wait(_EVERY)
        idle = 0 if _attended else idle + 1
        for one in list(_attended.values()):
            _look(one)
    _threads.clear()
    if _attended and not _forking[0]:
        _ensure_thread()  # one came just now


def _look(one: Attended) -> None:
    try:
        one.look()
    except Exception:  # a bug, or a disk that is gone: the attempt itself will tell of it
        return


def _interrupt(thread: int) -> None:
    """Raises an exception in a thread, also while a call of the system waits there."""
    handler = signal.getsignal(signal.SIGINT)
    main = thread == threading.main_thread().ident
    if not main or not callable(handler) or handler is unheard:
        import ctypes

        exception = ctypes.py_object(StopRequested)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
    if main and callable(handler):
        signal.pthread_kill(thread, signal.SIGINT)


def _before_fork() -> None:
    """Ends the thread: a child of a process with threads may wait for ever, and Python warns."""
    _forking[0] += 1
    if _threads and threading.current_thread() not in _threads:
        _wake.set()
        for thread in list(_threads):
            thread.join(_PATIENCE)


def _after_fork() -> None:
    _forking[0] -= 1
    _wake.clear()
    if _attended:
        _ensure_thread()


def _in_child() -> None:
    global _turn, _wake
    _turn, _wake = threading.Lock(), threading.Event()
    _attended.clear()
    _threads.clear()
    _forking[0] = 0


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
