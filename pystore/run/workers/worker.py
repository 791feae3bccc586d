"""What runs in a worker process: it takes tasks from its channel, one after the other.

When the process that gave the tasks has ended, however that came about, the worker ends at once,
with all that its realizers have started; but for programs with a session of their own.
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
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, NoReturn

from ...core.errors import PystoreWarning
from ...core.events import Event, Progress
from . import wire
from .answer import Answer
from .by_value import findable
from .job import perform

_PATIENCE = 0.5  # [s] for the threads of tasks to end
_OFTEN = 0.05  # [s] between two reports of progress that are sent on


class Channel:
    """The worker's end of the wire. Realizers may tell their progress from any thread."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # programs that it runs must not keep it open
        self._end = socket.socket(fileno=descriptor)
        os.register_at_fork(after_in_child=self._end.close)  # nor processes that it forks
        self._status = os.fstat(descriptor)
        self._sending = threading.Lock()
        self._told = 0.0
        self.tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen(self) -> None:
        """Receives tasks, until the other end closes; then ends this process and its children."""
        try:
            with open(self._end.fileno(), "rb", closefd=False) as end:
                while True:
                    self.tasks.put(wire.receive(end))
        except (EOFError, OSError):
            os.killpg(os.getpgrp(), signal.SIGKILL)

    def tell(self, event: Event) -> None:
        """Sends an event; of many that tell progress, some."""
        if isinstance(event, Progress) and event.done != event.total:
            now = time.monotonic()
            if now - self._told < _OFTEN:
                return
            self._told = now
        self.send(b"e" + pickle.dumps(event))

    def warn(
        self, message: Warning | str, category: type[Warning], file: str, line: int, *_: Any
    ) -> None:
        """Sends a warning of ours; others go to the log."""
        if issubclass(category, PystoreWarning):
            self.send(b"w" + str(message).encode(errors="backslashreplace"))
        else:
            sys.stderr.write(warnings.formatwarning(message, category, file, line))

    def end(self, answer: Answer) -> None:
        """Sends what became of a task."""
        try:
            packed = pickle.dumps(answer)
        except Exception as error:  # a value that cannot be pickled
            packed = pickle.dumps(Answer.of(error))
        self.send(b"o" + packed)

    def send(self, message: bytes) -> None:
        """Sends one message; an empty one says that this process has started."""
        with self._sending:
            if not self._is_ours():
                _end(wire.CUT)
            wire.send(self._end, message)

    def _is_ours(self) -> bool:
        """Whether the descriptor is what it was. It may be a file of a realizer that closed all."""
        try:
            return os.path.samestat(os.fstat(self._end.fileno()), self._status)
        except OSError:
            return False


def main(descriptor: int, line: int) -> None:
    """Does tasks until it is told to end, by an empty one."""
    # Who planned the work decides when it stops. What realizers start would inherit SIG_IGN.
    signal.signal(signal.SIGINT, lambda *_: None)
    _end_with(line)
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):  # what was printed before a death is in the log
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    channel = Channel(descriptor)
    warnings.showwarning = channel.warn  # type: ignore[assignment]  # it takes what is needed
    threading.Thread(target=channel.listen, daemon=True).start()
    channel.send(b"")
    while task := channel.tasks.get():
        channel.end(_answer(task, channel))
    _end_soon()


def _end_soon() -> None:
    """Sees to it that the end of this program does not wait for threads that tasks have left."""
    waiting = threading.Timer(_PATIENCE, _end_anyway)
    waiting.daemon = True
    waiting.start()
    atexit.register(waiting.cancel)  # which is called first, once all threads have ended


def _end_anyway() -> NoReturn:
    atexit._run_exitfuncs()
    _end(0)


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a realizer may have closed it
            stream.flush()
    os._exit(code)


def _end_with(line: int) -> None:
    """Has the kernel kill this process and its children when the other end of a pipe closes.

    Also where C code keeps all threads of Python from running. Not all systems can; the thread
    that listens to the channel does the same, later.
    """
    os.set_inheritable(line, False)
    if sys.platform == "linux":
        fcntl.fcntl(line, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(line, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(line, fcntl.F_SETFL, fcntl.fcntl(line, fcntl.F_GETFL) | os.O_ASYNC)


def _answer(task: bytes, channel: Channel) -> Answer:
    try:
        # From the process that started this one, over a channel that no other has.
        (function, args, kwargs), brought = pickle.loads(task)
        if function is perform:
            made: Answer = perform(args[0], channel.tell)
            return made
        with findable(brought):
            return Answer(function(*args, **kwargs))
    except BaseException as error:
        return Answer.of(error)
