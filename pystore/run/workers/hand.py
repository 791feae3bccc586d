"""Hand: one worker process, seen from the process that gives it tasks."""

import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ...model.errors import BuildError, TimedOut, WorkerDied
from ...model.events import AttemptFailed, Listener, Started, ignore
from ...model.terms import Terms
from ..capture import last_lines
from .job import Outcome
from .slots import Outfit

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from pystore.run.workers.worker import main; main(int(sys.argv.pop()))"
)
_GRACE = 5.0  # [s] for a worker to end by itself
_START = 60.0  # [s] to start and to import, beside an attempt's own timeout


@dataclass(eq=False)
class Task:
    """One thing to do, and who waits for it."""

    packed: bytes  # a function and its arguments
    future: "Future[Any]"
    terms: Terms
    listener: Listener = ignore
    overtaken: int = 0  # by how many later ones
    started: Started | None = None
    deadline: float | None = None  # on the monotonic clock [s]


class Hand:
    """A worker process in a session of its own, which does one task at a time."""

    def __init__(self, outfit: Outfit) -> None:
        import json
        import socket
        import subprocess
        from multiprocessing.connection import Connection

        self.outfit = outfit
        self.task: Task | None = None
        self.late = False  # its task has run longer than it may
        self._stray: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the hand
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, str(theirs.fileno()), json.dumps(sys.path)],
                stdin=subprocess.DEVNULL,
                stdout=self._stray,
                stderr=self._stray,
                env=outfit.environment(dict(os.environ)),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for us; and it is ended with its children
            )
        self.channel = Connection(ours.detach())
        # Its channel may be held open by a child that it forked: its own end is told by this.
        opened: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
        self.life = opened(self.process.pid) if opened else -1

    @property
    def waitable(self) -> list[Any]:
        """What becomes readable when it says something, or ends."""
        return [self.channel] if self.life < 0 else [self.channel, self.life]

    def give(self, task: Task, now: float) -> None:
        """Starts a task, unless the worker has died meanwhile, which `receive` then tells."""
        self.task = task
        if task.terms.timeout is not None:
            task.deadline = now + task.terms.timeout + _START
        with suppress(BrokenPipeError, ConnectionResetError):
            self.channel.send_bytes(task.packed)

    def receive(self, now: float) -> bool:
        """Takes in what it has said. Returns False when it has died."""
        ended = self.process.poll() is not None  # before its last words are read
        try:
            while self.channel.poll():
                # From the process that we started, over a channel that no other has.
                kind, value = pickle.loads(self.channel.recv_bytes())
                self._hear(kind, value, now)
        except (EOFError, OSError):
            return False
        return not ended

    def _hear(self, kind: str, value: Any, now: float) -> None:
        task = self.task
        if kind == "warning":
            _warn(value)
        elif task is None:
            return
        elif kind == "event":
            if isinstance(value, Started):
                task.started = value
                task.deadline = _deadline(task.terms, now)
            task.listener(value)
        else:
            self.task = None
            value.settle(task.future)

    def end(self) -> None:
        """Lets it finish: it does what it has been given, and then ends by itself."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.channel.send_bytes(b"")

    def close(self, *, kill: bool = False) -> None:
        """Sees to it that it has ended, with all that it started."""
        import subprocess

        if not kill:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_GRACE)
        self._kill()
        self.channel.close()
        self._stray.close()
        if self.life >= 0:
            os.close(self.life)

    def bury(self) -> None:
        """Tells who waits for its task that the process has died."""
        self._kill()
        task, self.task = self.task, None
        error = self._obituary(task) if task is not None else None
        self.close(kill=True)
        if task is not None and error is not None:
            if task.started is not None:
                who, number = task.started.dref, task.started.number
                task.listener(AttemptFailed(who, number, f"{type(error).__name__}: {error.what}"))
            Outcome(None, error).settle(task.future)

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # it, and what it has started
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _obituary(self, task: Task) -> BuildError:
        started = task.started
        log = Path(started.log) if started and started.log else None
        facts: dict[str, object] = {
            "dref": started and started.dref,
            "attempt": started and started.number,
            "output": (last_lines(log) if log else self._strayed()) or None,
            "log": log,
        }
        if self.late:
            return TimedOut(
                f"the realizer ran for longer than {task.terms.timeout:g} s, and was stopped",
                remedy="give it a larger timeout, or retries and a build_scratch to go on from",
                **facts,
            )
        return WorkerDied(
            "the process that ran the realizer died",
            ended=_how(self.process.returncode),
            remedy="look at its log; a process that was killed may have used too much memory: "
            'tell how much it takes, resources={"memory": "8G"}',
            **facts,
        )

    def _strayed(self) -> str:
        size = self._stray.seek(0, os.SEEK_END)
        self._stray.seek(max(0, size - 2000))
        return self._stray.read().decode("utf-8", "replace").strip()


def _deadline(terms: Terms, now: float) -> float | None:
    return None if terms.timeout is None else now + terms.timeout


def _how(code: int) -> str:
    if code >= 0:
        return f"it exited with code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _warn(text: str) -> None:
    import warnings

    from ...model.errors import PystoreWarning

    warnings.warn(text, PystoreWarning, stacklevel=2)
