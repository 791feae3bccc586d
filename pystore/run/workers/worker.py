"""What runs in a worker process: it takes tasks from its channel, one after the other.

When the channel closes, because the process that gave the tasks has ended or given up, the worker
ends at once, with all that its realizers have started.
"""

import faulthandler
import os
import pickle
import queue
import signal
import sys
import threading
import time
import warnings
from multiprocessing.connection import Connection
from typing import Any

from ...model.errors import PystoreWarning
from ...model.events import Event, Progress
from .job import Outcome, perform

_OFTEN = 0.05  # [s] between two reports of progress that are sent on


class Channel:
    """The worker's end of the connection. Realizers may tell their progress from any thread."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # children must not keep it open
        self._connection = Connection(descriptor)
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
        self.send("event", event)

    def warn(self, message: Warning | str, category: type[Warning], *where: Any) -> None:
        """Sends a warning of ours; others go to the log."""
        if issubclass(category, PystoreWarning):
            self.send("warning", str(message))
        else:
            sys.stderr.write(f"{category.__name__}: {message}\n")

    def send(self, kind: str, value: object) -> None:
        """Sends one message. What cannot be pickled is not sent at all."""
        packed = pickle.dumps((kind, value))
        with self._sending:
            self._connection.send_bytes(packed)


def main(descriptor: int) -> None:
    """Does tasks until it is told to end, by an empty one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who planned the work decides when it stops
    faulthandler.enable()
    channel = Channel(descriptor)
    warnings.showwarning = channel.warn  # type: ignore[assignment]  # it takes what is needed
    threading.Thread(target=channel.listen, daemon=True).start()
    while task := channel.tasks.get():
        outcome = _outcome(task, channel)
        try:
            channel.send("ended", outcome)
        except Exception as error:  # a value that cannot be pickled
            channel.send("ended", Outcome.of(error))


def _outcome(task: bytes, channel: Channel) -> Outcome:
    try:
        # From the process that started this one, over a channel that no other has.
        function, args, kwargs = pickle.loads(task)
        if function is perform:
            made: Outcome = perform(args[0], channel.tell)
            return made
        return Outcome(function(*args, **kwargs))
    except BaseException as error:
        return Outcome.of(error)
