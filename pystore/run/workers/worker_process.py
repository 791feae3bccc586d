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

from ...core.attempt import Committed
from ...core.errors import BuildError, PystoreWarning, TimedOut, WorkerDied
from ...core.events import AttemptFailed, Started, Succeeded
from ...store.forked import forgotten_by_children
from ..capture import last_lines
from .answer import Answer
from .pickler import dumps
from .slots import Outfit
from .task import Task
from .wire import CUT, Wire

# First only the interpreter's own modules: a file beside the script may have the name of one.
_BOOT = """
import json, sys
root, places = json.loads(sys.argv.pop())
sys.path[:] = [root, *sys.path, *places]
from pystore.run.workers.worker import main
sys.path[:] = places
main(*map(int, sys.argv[1:]))
"""
_ROOT = str(Path(__file__).parents[3])
_START = 60.0  # [s] to start and to import, in addition to the timeout of an attempt
_GRACE = 5.0  # [s] to end by itself
_AFTER = 1.0  # [s] for the kernel to end the children of a worker that was killed


class WorkerProcess:
    """A worker process in a session of its own, which does one task at a time."""

    def __init__(self, outfit: Outfit) -> None:
        self.outfit = outfit
        self.task: Task | None = None
        self.is_given = False  # whether the worker has the task
        self.is_up = False  # whether it has started and imported its modules
        self.end_by: float | None = None  # on the monotonic clock [s], once it was told to end
        self.is_late = False  # whether its task has overrun its time
        self._held = ExitStack()
        forgotten_by_children(self)
        try:
            self._start()
        except BaseException:
            self._held.close()
            raise

    def _start(self) -> None:
        stray: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with `_held`
        self._output, self._output_start = self._held.enter_context(stray), 0
        ours, theirs = socket.socketpair()
        self._held.callback(ours.close)
        places = [_ROOT, [place for place in sys.path if isinstance(place, str)]]
        with theirs:
            held, self._lifeline = os.pipe()
            self._held.callback(os.close, self._lifeline)
            ends = (theirs.fileno(), held)
            try:
                self.process = subprocess.Popen(
                    [*_interpreter(), "-c", _BOOT, *map(str, ends), json.dumps(places)],
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    stderr=self._output,
                    env=self.outfit.environment(dict(os.environ)),
                    pass_fds=ends,
                    start_new_session=True,  # Ctrl-C is for the parent; a kill takes its children
                )
            finally:
                os.close(held)
        self._wire = Wire(ours)
        # A child that it forked may hold its channel open: the pidfd tells when it ends.
        self._pidfd = _open_pidfd(self.process.pid)
        if self._pidfd >= 0:
            self._held.callback(os.close, self._pidfd)

    @property
    def is_free(self) -> bool:
        """Whether it can take a task."""
        return self.task is None and self.end_by is None

    @property
    def deadline(self) -> float | None:
        """When to look at it at the latest, on the monotonic clock [s]."""
        return self.task.deadline if self.task else self.end_by

    @property
    def awaited(self) -> list[tuple[int, int]]:
        """The descriptors to poll, and the events: it sends, takes more of a task, or ends."""
        wire = self._wire.fileno(), select.POLLIN | (select.POLLOUT * self._wire.is_full)
        return [wire] if self._pidfd < 0 else [wire, (self._pidfd, select.POLLIN)]

    def take(self, task: Task, now: float) -> None:
        """Makes this its task. The caller can cancel the task until `give`."""
        self.task, self.is_given = task, False
        task.taken += 1
        task.expect(now, _START)

    def give(self, now: float) -> None:
        """Sends the task if the process is up, unless the task was cancelled."""
        task = self.task
        if task is None or self.is_given or not (self.is_up or task.future.cancelled()):
            return
        if not task.begin():
            self.task = None
        elif (packed := task.guard(dumps, task.call)) is None:
            self.task = None
            task.settle(Answer(None))  # `dumps` has raised, and `guard` has noted what
        else:
            self.is_given, self._output_start = True, os.fstat(self._output.fileno()).st_size
            task.expect(now, _START)
            self._wire.send(packed)

    def receive(self, now: float) -> bool:
        """Reads its messages. Returns False when it has died or overrun its time."""
        ended = self._has_ended()  # before its last messages are read
        if ended:
            self._kill()  # its children hold the channel open
        try:
            self._read(now)
            while ended:
                self._read(now)
        except BlockingIOError:
            pass
        except (EOFError, OSError):
            return False
        self._wire.flush()
        self.is_late = self.deadline is not None and now > self.deadline
        return not ended and not self.is_late

    def _read(self, now: float) -> None:
        for message in self._wire.receive():
            self._hear(message, now)

    def _hear(self, message: bytes, now: float) -> None:
        task, kind = self.task, message[:1]
        self.is_up = True
        if task is None or not message:
            return  # it has started; or a thread that outlives its task sends this
        if kind == b"w":
            task.guard(_warn, message[1:].decode())
        elif kind == b"e":
            # A process that this one started has written it; no other process has the channel.
            event = pickle.loads(message[1:])
            if isinstance(event, Started):
                task.started = event
                task.expect(now)
            task.tell(event)
        else:
            self.task = None
            task.settle(_answer(message[1:]))

    def end(self) -> None:
        """Tells it to end by itself, soon."""
        self.end_by = time.monotonic() + _GRACE
        self._wire.send(b"")

    def close(self) -> None:
        """Ends it and its children: at once, or when the time that `end` gave is over."""
        if self.end_by is not None and self._pidfd >= 0:
            _wait(self._pidfd, select.POLLIN, self.end_by - time.monotonic())
        elif self.end_by is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.0, self.end_by - time.monotonic()))
        self._kill()
        self.process.wait()
        self._held.close()

    def forget(self) -> None:
        """In a forked child: closes what would keep the worker alive after its parent."""
        self._held.close()

    def collect_exit(self, stopped: bool = False) -> None:
        """Collects the exit of a process that has died or is `stopped`, and settles its task."""
        self._kill()
        self.process.wait()
        # Its children hold its claims until they have ended: then the pipe has no other end.
        _wait(self._lifeline, 0, _AFTER)
        task, self.task = self.task, None
        if task is not None:
            committed = task.guard(task.committed, task.started) if task.started else None
            if committed is not None:
                self._report_commit(task, committed)
            else:
                self._report_death(task, stopped)
        self._held.close()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # the process group has its children
            os.killpg(self.process.pid, signal.SIGKILL)

    def _has_ended(self) -> bool:
        if sys.platform != "linux":
            return self.process.poll() is not None
        # WNOWAIT: until it is reaped, no other process has its number, and killpg is safe.
        try:
            found = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return found is not None

    @staticmethod
    def _report_commit(task: Task, committed: Committed) -> None:
        """Reports the result of a process that died after the commit, before it told so."""
        started = task.started
        assert started is not None
        task.tell(Succeeded(started.dref, started.number, committed.rref, committed.fresh, 0.0))
        task.settle(Answer(committed))

    def _report_death(self, task: Task, stopped: bool) -> None:
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
        if self.is_late and self.is_up:
            return TimedOut(
                f"the realizer ran for longer than {task.timeout:g} s, and was stopped",
                remedy="give it a larger timeout, or retries and a build_scratch to go on from",
                **facts,
            )
        ended = _how_ended(self.process.returncode)
        if not self.is_up:
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
            return {"output": self._unlogged() or None}
        log = Path(started.log) if started.log else None
        printed = [last_lines(log) if log else "", self._unlogged()]
        return {
            "dref": started.dref,
            "attempt": started.number,
            "output": "\n".join(filter(None, printed)) or None,
            "log": log,
        }

    def _unlogged(self) -> str:
        """The end of its output since its task was given, which is in no log."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(self._output_start, size - 2000))
        return self._output.read().decode("utf-8", "replace").strip()


def _interpreter() -> list[str]:
    """The command of this interpreter, with its own options -O, -W and -X."""
    # Private; multiprocessing starts its own processes with it.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, "-P"]


def _answer(packed: bytes) -> Answer:
    try:
        answer = pickle.loads(packed)
    except Exception as error:  # a class of the worker that this process has not
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


def _open_pidfd(pid: int) -> int:
    if sys.platform != "linux":
        return -1
    try:
        return os.pidfd_open(pid)
    except OSError:  # an old kernel, or no descriptor left: the channel tells its end, too
        return -1


def _wait(descriptor: int, what: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(descriptor, what)
    poll.poll(max(0.0, 1000 * seconds))


def _how_ended(code: int) -> str:
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
