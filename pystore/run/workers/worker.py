"""What runs in a worker process: it takes tasks from its channel, one after the other.

When the process that gave the tasks has ended, however that came about, the worker ends at once,
with all that its realizers have started.
"""

import faulthandler
import fcntl
import os
import pickle
import queue
import signal
import sys
import threading
import time
import warnings
from io import TextIOWrapper
from multiprocessing.connection import Connection
from typing import Any

from ...model.errors import PystoreWarning
from ...model.events import Event, Progress
from .job import Answer, perform

_OFTEN = 0.05  # [s] between two reports of progress that are sent on


class Channel:
    """The worker's end of the connection. Realizers may tell their progress from any thread."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # programs that it runs must not keep it open
        self._connection = Connection(descriptor)
        os.register_at_fork(after_in_child=self._connection.close)  # nor processes that it forks
        self._sending = threading.Lock()
        self._told = 0.0
        self.tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen(self) -> None:
        """Receives tasks, until the other end closes; then ends this process and its children."""
        try:
            while True:
                self.tasks.put(self._connection.recv_bytes())
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
            self.send(b"w" + str(message).encode())
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
            self._connection.send_bytes(message)


def main(descriptor: int, line: int) -> None:
    """Does tasks until it is told to end, by an empty one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who planned the work decides when it stops
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
        function, args, kwargs = pickle.loads(task)
        if function is perform:
            made: Answer = perform(args[0], channel.tell)
            return made
        return Answer(function(*args, **kwargs))
    except BaseException as error:
        return Answer.of(error)
