"""The program of a worker process: it takes tasks from its channel, one after the other.

When the process that gives the tasks ends in any way, the worker ends at once, with all processes
that its realizers have started, except those in a session of their own.
"""

import atexit
import faulthandler
import fcntl
import os
import pickle
import queue
import signal
import socket
import sys
import threading
import time
import warnings
from io import TextIOWrapper
from typing import Any, NoReturn

from ...core.errors import PystoreWarning
from ...core.events import Event, Progress
from ..attendant import unheard
from ..surroundings import end_process
from . import wire
from .answer import Answer
from .by_value import importable
from .job import perform

_PATIENCE = 0.5  # [s] for threads that tasks have left to end
_OFTEN = 0.05  # [s] between two events of progress that are sent


class Channel:
    """The worker's end of the wire. Realizers may tell progress from any thread."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # programs that a realizer runs must not keep it open
        self._end = socket.socket(fileno=descriptor)
        os.register_at_fork(after_in_child=self._end.close)  # nor may forked processes
        self._status = os.fstat(descriptor)
        self._sending = threading.Lock()
        self._told = 0.0
        self.tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen(self) -> None:
        """Receives tasks until the other end closes; then ends this process and its children."""
        try:
            with open(self._end.fileno(), "rb", closefd=False) as end:
                while True:
                    self.tasks.put(wire.receive(end))
        except (EOFError, OSError):
            os.killpg(os.getpgrp(), signal.SIGKILL)

    def tell(self, event: Event) -> None:
        """Sends an event; of frequent events of progress, only some."""
        if isinstance(event, Progress) and event.done != event.total:
            now = time.monotonic()
            if now - self._told < _OFTEN:
                return
            self._told = now
        self.send(b"e" + pickle.dumps(event))

    def warn(
        self, message: Warning | str, category: type[Warning], file: str, line: int, *_: Any
    ) -> None:
        """Sends a warning of pystore; other warnings go to the log."""
        if issubclass(category, PystoreWarning):
            self.send(b"w" + str(message).encode(errors="backslashreplace"))
        else:
            sys.stderr.write(warnings.formatwarning(message, category, file, line))

    def end(self, answer: Answer) -> None:
        """Sends the answer of a task."""
        try:
            packed = pickle.dumps(answer)
        except Exception as error:  # the value cannot be pickled
            packed = pickle.dumps(Answer.of(error))
        self.send(b"o" + packed)

    def send(self, message: bytes) -> None:
        """Sends one message. An empty one says that this process has started."""
        with self._sending:
            if not self._is_ours():
                end_process(wire.CUT)
            wire.send(self._end, message)

    def _is_ours(self) -> bool:
        """Whether the descriptor is still the socket: a realizer may close all, and open a file."""
        try:
            return os.path.samestat(os.fstat(self._end.fileno()), self._status)
        except OSError:
            return False


def main(descriptor: int, line: int) -> None:
    """Does tasks until an empty one tells it to end."""
    # The planner decides when to stop. Not SIG_IGN: processes that realizers start inherit it.
    signal.signal(signal.SIGINT, unheard)
    _end_with(line)
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):  # so that the log has what was printed before a death
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    channel = Channel(descriptor)
    warnings.showwarning = channel.warn  # type: ignore[assignment]  # it takes the arguments that are used
    threading.Thread(target=channel.listen, daemon=True).start()
    channel.send(b"")
    while task := channel.tasks.get():
        channel.end(_answer(task, channel))
    _end_soon()


def _end_soon() -> None:
    """Ends this program soon, though threads that tasks have left may still run."""
    waiting = threading.Timer(_PATIENCE, _end_anyway)
    waiting.daemon = True
    waiting.start()
    atexit.register(waiting.cancel)  # registered last, it is called first: all threads have ended


def _end_anyway() -> NoReturn:
    atexit._run_exitfuncs()
    end_process(0)


def _end_with(line: int) -> None:
    """Lets the kernel kill this process and its children when the other end of a pipe closes.

    It does so though C code may keep all threads of Python from running. On other systems than
    Linux, the thread that listens to the channel does it, later.
    """
    os.set_inheritable(line, False)
    if sys.platform == "linux":
        fcntl.fcntl(line, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(line, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(line, fcntl.F_SETFL, fcntl.fcntl(line, fcntl.F_GETFL) | os.O_ASYNC)


def _answer(task: bytes, channel: Channel) -> Answer:
    try:
        # The process that started this one has written it; no other process has the channel.
        (function, args, kwargs), named = pickle.loads(task)
        if function is perform:
            made: Answer = perform(args[0], channel.tell)
            return made
        with importable(named):
            return Answer(function(*args, **kwargs))
    except BaseException as error:
        return Answer.of(error)
