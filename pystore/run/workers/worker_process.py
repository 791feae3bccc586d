"""WorkerProcess: one worker process, seen from the process that gives it tasks."""

import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from ...core.errors import BuildError, PystoreWarning, TimedOut, WorkerDied
from ...core.events import AttemptFailed, Started, Succeeded
from ...store.commit import Committed
from ...store.forked import forgotten_by_children
from ..capture import last_lines
from .answer import Answer
from .pickler import dumps
from .slots import Outfit
from .task import Task
from .wire import CUT, Wire

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
_GRACE = 5.0  # [s] to end by itself
_AFTER = 1.0  # [s] for the kernel to end the children of a worker that was killed


class WorkerProcess:
    """A worker process in a session of its own, which does one task at a time."""

    def __init__(self, outfit: Outfit) -> None:
        self.outfit = outfit
        self.task: Task | None = None
        self.given = False  # whether the worker has it; until it is up, nobody has
        self.up = False  # it has started, and imported what it needs
        self.until: float | None = None  # on the monotonic clock [s], since it was told to end
        self.late = False  # it has taken longer than it may
        self._held = ExitStack()
        forgotten_by_children(self)
        try:
            self._start()
        except BaseException:
            self._held.close()
            raise

    def _start(self) -> None:
        stray: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the hand
        self._stray, self._from = self._held.enter_context(stray), 0
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
        self._wire = Wire(ours)
        # Its channel may be held open by a child that it forked: its own end is told by this.
        self._life = _life(self.process.pid)
        if self._life >= 0:
            self._held.callback(os.close, self._life)

    @property
    def free(self) -> bool:
        """Whether it can take a task."""
        return self.task is None and self.until is None

    @property
    def deadline(self) -> float | None:
        """When to look after it at the latest, on the monotonic clock [s]."""
        return self.task.deadline if self.task else self.until

    @property
    def awaited(self) -> list[tuple[int, int]]:
        """What to poll, and for what: it says something, takes more of a task, or ends."""
        wire = self._wire.fileno(), select.POLLIN | (select.POLLOUT * self._wire.is_full)
        return [wire] if self._life < 0 else [wire, (self._life, select.POLLIN)]

    def take(self, task: Task, now: float) -> None:
        """Is to do a task, which others can take back until it is up."""
        self.task, self.given = task, False
        task.taken += 1
        task.expect(now, _START)

    def give(self, now: float) -> None:
        """Starts its task if it is up, unless nobody waits for that any more."""
        task = self.task
        if task is None or self.given or not (self.up or task.future.cancelled()):
            return
        if not task.begin():
            self.task = None
        elif (packed := task.guard(dumps, task.call)) is None:
            self.task = None
            task.settle(Answer(None))  # which is what `dumps` has raised
        else:
            self.given, self._from = True, os.fstat(self._stray.fileno()).st_size
            task.expect(now, _START)
            self._wire.send(packed)

    def receive(self, now: float) -> bool:
        """Takes in what it has said. Returns False when it has died, or is to be killed."""
        ended = self._has_ended()  # before its last words are read
        if ended:
            self._kill()  # its children hold the channel open
        try:
            self._take_in(now)
            while ended:
                self._take_in(now)
        except BlockingIOError:
            pass
        except (EOFError, OSError):
            return False
        self._wire.flush()
        self.late = self.deadline is not None and now > self.deadline
        return not ended and not self.late

    def _take_in(self, now: float) -> None:
        for message in self._wire.receive():
            self._hear(message, now)

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
                task.expect(now)
            task.tell(event)
        else:
            self.task = None
            task.settle(_answer(message[1:]))

    def end(self) -> None:
        """Has it end by itself, soon."""
        self.until = time.monotonic() + _GRACE
        self._wire.send(b"")

    def close(self) -> None:
        """Sees to it that it has ended, with all that it started: now, or when it was to end."""
        if self.until is not None and self._life >= 0:
            _wait(self._life, select.POLLIN, self.until - time.monotonic())
        elif self.until is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.0, self.until - time.monotonic()))
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
        # Its children hold its claims until nobody has the other end any more, which is an error.
        _wait(self._line, 0, _AFTER)
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
            text = f"{name}: {error.what}"
            again = not stopped and task.tries.again_after(error) is not None
            task.tell(AttemptFailed(started.dref, started.number, text, stopped, again))
        task.settle(Answer(None, error))

    def _cause(self, task: Task, stopped: bool) -> BuildError:
        facts = self._facts(task.started)
        if stopped:
            return WorkerDied("its worker was stopped", remedy="realize it again", **facts)
        if self.late and self.up:
            return TimedOut(
                f"the realizer ran for longer than {task.timeout:g} s, and was stopped",
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
        said = [last_lines(log) if log else "", self._strayed()]
        return {
            "dref": started.dref,
            "attempt": started.number,
            "output": "\n".join(filter(None, said)) or None,
            "log": log,
        }

    def _strayed(self) -> str:
        """What it has said since its task was given, and is in no log."""
        size = self._stray.seek(0, os.SEEK_END)
        self._stray.seek(max(self._from, size - 2000))
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


def _wait(descriptor: int, what: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(descriptor, what)
    poll.poll(max(0.0, 1000 * seconds))


def _how(code: int) -> str:
    if code == CUT:
        return "what it ran closed its channel, with descriptors that it had not opened"
    if code >= 0:
        return f"it exited with code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _warn(text: str) -> None:
    warnings.warn(text, PystoreWarning, stacklevel=2)
