"""Hand: one worker process, seen from the process that gives it tasks."""

import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any

from ...model.errors import BuildError, PystoreWarning, TimedOut, WorkerDied
from ...model.events import AttemptFailed, Started, Succeeded
from ...model.terms import Terms
from ...store.commit import Committed
from ...store.forked import forgotten_by_children
from ..capture import last_lines
from .job import Answer
from .slots import Outfit
from .task import Task

# First with the interpreter's own modules: one beside the script may have the name of one of them.
_BOOT = """
import json, sys
root, places = json.loads(sys.argv.pop())
sys.path[:] = [root, *sys.path, *places]
from pystore.run.workers.worker import main
sys.path[:] = places
main(*map(int, sys.argv[1:]))
"""
_ROOT = str(Path(__file__).parents[3])
_START = 60.0  # [s] to start and to import, beside an attempt's own timeout
_AFTER = 1000  # [ms] for the kernel to end the children of a worker that was killed


class Hand:
    """A worker process in a session of its own, which does one task at a time."""

    def __init__(self, outfit: Outfit) -> None:
        self.outfit = outfit
        self.task: Task | None = None
        self.up = False  # it has started, and imported what it needs
        self.late = False  # its task has run longer than it may
        self._held = ExitStack()
        forgotten_by_children(self)
        try:
            self._start()
        except BaseException:
            self._held.close()
            raise

    def _start(self) -> None:
        stray: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the hand
        self._stray = self._held.enter_context(stray)
        ours, theirs = socket.socketpair()
        self._held.callback(ours.close)
        places = [_ROOT, [place for place in sys.path if isinstance(place, str)]]
        with theirs:
            held, self._line = os.pipe()
            self._held.callback(os.close, self._line)
            ends = (theirs.fileno(), held)
            try:
                self.process = subprocess.Popen(
                    [*_interpreter(), "-c", _BOOT, *map(str, ends), json.dumps(places)],
                    stdin=subprocess.DEVNULL,
                    stdout=self._stray,
                    stderr=self._stray,
                    env=self.outfit.environment(dict(os.environ)),
                    pass_fds=ends,
                    start_new_session=True,  # Ctrl-C is for us; and it is ended with its children
                )
            finally:
                os.close(held)
        self.channel = Connection(ours.detach())
        self._held.callback(self.channel.close)
        # Its channel may be held open by a child that it forked: its own end is told by this.
        self.life = _life(self.process.pid)
        if self.life >= 0:
            self._held.callback(os.close, self.life)

    @property
    def waitable(self) -> list[Any]:
        """What becomes readable when it says something, or ends."""
        return [self.channel] if self.life < 0 else [self.channel, self.life]

    def give(self, task: Task, now: float) -> None:
        """Starts a task, unless the worker has died meanwhile, which `receive` then tells."""
        self.task = task
        task.given += 1
        if task.terms.timeout is not None:
            task.deadline = now + task.terms.timeout + _START
        with suppress(BrokenPipeError, ConnectionResetError):
            self.channel.send_bytes(task.packed)

    def receive(self, now: float) -> bool:
        """Takes in what it has said. Returns False when it has died, or is to be killed."""
        ended = self._has_ended()  # before its last words are read
        if ended:
            self._kill()  # its children hold the channel open
        try:
            while self.channel.poll():
                self._hear(self.channel.recv_bytes(), now)
        except (EOFError, OSError):
            return False
        deadline = self.task.deadline if self.task else None
        self.late = deadline is not None and now > deadline
        return not ended and not self.late

    def _hear(self, message: bytes, now: float) -> None:
        task, kind = self.task, message[:1]
        self.up = True
        if task is None or not message:
            return  # it has started; or it is what a thread says that outlives its task
        if kind == b"w":
            task.guard(_warn, message[1:].decode())
        elif kind == b"e":
            # From the process that we started, over a channel that no other has.
            event = pickle.loads(message[1:])
            if isinstance(event, Started):
                task.started = event
                task.deadline = _deadline(task.terms, now)
            task.tell(event)
        else:
            self.task = None
            task.settle(_answer(message[1:]))

    def end(self) -> None:
        """Lets it finish: it does what it has been given, and then ends by itself."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.channel.send_bytes(b"")

    def close(self, grace: float = 0.0) -> None:
        """Sees to it that it has ended, with all that it started, after some seconds of grace."""
        if grace and self.life >= 0:
            wait([self.life], grace)
        elif grace:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(grace)
        self._kill()
        self.process.wait()
        self._held.close()

    def forget(self) -> None:
        """In a forked child: gives up what would keep the worker alive when its parent is not."""
        self._held.close()

    def bury(self, stopped: bool = False) -> None:
        """Tells who waits for its task that the process has died, or was stopped."""
        self._kill()
        self.process.wait()
        _wait_hung_up(self._line)  # until then its children hold its claims
        task, self.task = self.task, None
        if task is not None:
            committed = task.guard(task.committed, task.started) if task.started else None
            if committed is not None:
                self._last_words(task, committed)
            else:
                self._obituary(task, stopped)
        self._held.close()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # it, and what it has started
            os.killpg(self.process.pid, signal.SIGKILL)

    def _has_ended(self) -> bool:
        if sys.platform != "linux":
            return self.process.poll() is not None
        # Until it is reaped its number is no other's, and its group can be killed safely.
        try:
            found = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return found is not None

    @staticmethod
    def _last_words(task: Task, committed: Committed) -> None:
        """It died between the rename that makes a result visible and telling so."""
        started = task.started
        assert started is not None
        task.tell(Succeeded(started.dref, started.number, committed.rref, committed.fresh, 0.0))
        task.settle(Answer(committed))

    def _obituary(self, task: Task, stopped: bool) -> None:
        error, started = self._cause(task, stopped), task.started
        if started is not None:
            name = "Stopped" if stopped else type(error).__name__
            task.tell(AttemptFailed(started.dref, started.number, f"{name}: {error.what}"))
        task.settle(Answer(None, error))

    def _cause(self, task: Task, stopped: bool) -> BuildError:
        facts = self._facts(task.started)
        if stopped:
            return WorkerDied("its worker was stopped", remedy="realize it again", **facts)
        if self.late:
            return TimedOut(
                f"the realizer ran for longer than {task.terms.timeout:g} s, and was stopped",
                remedy="give it a larger timeout, or retries and a build_scratch to go on from",
                **facts,
            )
        ended = _how(self.process.returncode)
        if not self.up:
            return WorkerDied(
                "a worker process could not start",
                ended=ended,
                remedy=f"see its output; it is started as {sys.executable}",
                **facts,
            )
        return WorkerDied(
            "the process that ran the realizer died" if task.started else "a worker process died",
            ended=ended,
            remedy="look at its log; a process that was killed may have used too much memory: "
            'tell how much it takes, resources={"memory": "8G"}',
            **facts,
        )

    def _facts(self, started: Started | None) -> dict[str, object]:
        if started is None:
            return {"output": self._strayed() or None}
        log = Path(started.log) if started.log else None
        output = last_lines(log) if log else self._strayed()
        return {
            "dref": started.dref,
            "attempt": started.number,
            "output": output or None,
            "log": log,
        }

    def _strayed(self) -> str:
        size = self._stray.seek(0, os.SEEK_END)
        self._stray.seek(max(0, size - 2000))
        return self._stray.read().decode("utf-8", "replace").strip()


def _interpreter() -> list[str]:
    """How to start this interpreter, with the -O, -W and -X that it was started with."""
    # Private, and what multiprocessing starts its own processes with.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, "-P"]


def _answer(packed: bytes) -> Answer:
    try:
        answer = pickle.loads(packed)
    except Exception as error:  # a class that is there, and not here
        return Answer(
            None,
            BuildError(
                "what came back from a worker cannot be read here",
                because=f"{type(error).__name__}: {error}"[:300],
                remedy="return and raise what the calling process can import",
            ),
        )
    assert isinstance(answer, Answer)
    return answer


def _life(pid: int) -> int:
    if sys.platform != "linux":
        return -1
    try:
        return os.pidfd_open(pid)
    except OSError:  # a kernel without it, or no descriptor left: the channel tells as well
        return -1


def _wait_hung_up(line: int) -> None:
    poll = select.poll()
    poll.register(line, 0)  # an error is told when nobody holds the other end any more
    poll.poll(_AFTER)


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
    warnings.warn(text, PystoreWarning, stacklevel=2)
