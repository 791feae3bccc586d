"""Workers: an executor whose workers are processes of this machine.

WP1  A worker that dies, or overruns its time, fails its own task, and no other.
WP2  Nothing is left running: a worker ends, with its children, when its pool ends in any way,
    except processes in a session of their own.
WP3  What runs at one time never has more GPUs, memory or processors than there are.
"""

import atexit
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from ...core.attempt import Committed
from ...core.errors import WorkerDied
from ...core.events import Listener, Started, ignore
from ...core.options import checked_count
from ...core.resources import PLAIN, Resources
from ...core.tries import Tries
from ...store.forked import forgotten_by_children
from ..interrupts import deferred
from .slots import Outfit, Slots, checked_gpus
from .task import Task, nothing
from .worker_process import WorkerProcess

P = ParamSpec("P")
T = TypeVar("T")

_NO_MORE = Tries()
_LONG = 3600.0  # [s]; a system call takes no infinite number
_SPARE = 16  # descriptors for files that are open for a moment


class Workers(Executor):
    """`n` worker processes, started when they are needed and kept until `shutdown`.

    They are spawned, never forked, and import nothing of the script that started them. `gpus`
    are the devices to process out, as CUDA_VISIBLE_DEVICES names them: `[0, 1]`; what asks for none
    sees none. Numerical libraries get as many threads each as the processors allow, where the
    environment does not say. Workers keep the environment, the working directory and the modules
    that they started with. What was submitted is done when the program ends.
    """

    def __init__(self, n: int, *, gpus: Collection[int | str] | None = None) -> None:
        self.size = checked_count("workers", n)
        self.slots = Slots(self.size, None if gpus is None else checked_gpus(gpus))
        self._waiting: deque[Task] = deque()
        self._processes: list[WorkerProcess] = []
        self._guard = threading.Lock()
        self._ending = False
        self._killing = False
        self._foreman: threading.Thread | None = None
        self._bell = _Bell()
        self._foreign = False  # in a forked child
        forgotten_by_children(self)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The future of `fn(*args, **kwargs)` in a worker."""
        return self.start(fn, args, kwargs)

    def start(
        self,
        function: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None = None,
        *,
        resources: Resources = PLAIN,
        timeout: float | None = None,
        tries: Tries = _NO_MORE,
        listener: Listener = ignore,
        committed: Callable[[Started], Committed | None] | None = None,
        future: Future[T] | None = None,
    ) -> Future[T]:
        """The same with resources; the listener is told the task's events in another thread.

        The caller may make the `future`, to have it before the task is given out. `committed`
        returns the result that the store has of an attempt, for a worker that dies after the
        commit and before it tells so.

        Raises BadStage when this machine lacks the resources, RuntimeError after `shutdown`
        and in a forked child: the workers belong to its parent.
        """
        self.slots.check(resources, "a task")
        future = Future() if future is None else future
        call = (function, args, kwargs or {})
        starts = committed is not None
        task = Task(call, future, resources, listener, timeout, tries, committed or nothing, starts)
        with self._change():
            if self._foreign:
                raise RuntimeError("these workers belong to the process that forked this one")
            if self._ending:
                raise RuntimeError("these workers have been shut down")
            self._waiting.append(task)
            if self._foreman is None:
                self._start_foreman()
                atexit.register(self.shutdown)  # waits for submitted tasks
        return future

    @contextmanager
    def _change(self) -> Iterator[None]:
        """A change by another thread than the foreman's, which hears of it whatever comes."""
        with deferred():
            try:
                with self._guard:
                    yield
            finally:
                self._bell.ring()

    def _start_foreman(self) -> None:
        self._foreman = foreman = threading.Thread(target=self._oversee, daemon=True)
        try:
            foreman.start()
        except BaseException:
            if foreman.ident is None:  # the system starts no more threads: there is none to join
                self._foreman = None
                self._waiting.pop()
            raise

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Lets the workers finish all tasks, then ends them."""
        with self._change():
            self._ending = True
            if cancel_futures:
                self._cancel()
        self._join(wait)

    def kill(self) -> None:
        """Ends the workers at once. Their tasks count as died."""
        with self._change():
            self._ending = self._killing = True
            self._cancel()
        self._join(wait=True)

    def _cancel(self) -> None:
        """Cancels the tasks that no worker has begun."""
        for task in (*self._waiting, *(process.task for process in list(self._processes))):
            if task is not None:
                task.future.cancel()

    def forget(self) -> None:
        """In a forked child: gives up the workers, which belong to its parent."""
        self._guard, self._foreman, self._foreign = threading.Lock(), None, True
        self._waiting.clear()
        self._bell.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self.kill()  # a second Ctrl-C
        else:
            self.shutdown()

    def _join(self, wait: bool) -> None:
        if self._foreman is None:
            self._bell.close()
        elif wait:
            self._foreman.join()

    # --- the foreman's thread ------------------------------------------------------------

    def _oversee(self) -> None:
        try:
            while self._assign() or not self._ending:
                self._wait()
                self._attend()
        except BaseException as error:  # a bug of pystore: no caller waits for ever
            self._fail_all(error)
            raise
        finally:
            self._dismiss()
            self._bell.close()
            atexit.unregister(self.shutdown)

    def _wait(self) -> None:
        """Waits until a worker sends something, ends or is due, or the bell rings."""
        poll = select.poll()
        poll.register(self._bell.fileno(), select.POLLIN)
        for process in self._processes:
            for descriptor, what in process.awaited:
                poll.register(descriptor, what)
        poll.poll(self._patience())
        self._bell.clear()

    def _patience(self) -> float | None:
        """The time until the next deadline [ms]; None without one."""
        ends = [process.deadline for process in self._processes if process.deadline is not None]
        return 1000 * min(max(0.0, min(ends) - time.monotonic()), _LONG) + 1 if ends else None

    def _fail_all(self, error: BaseException) -> None:
        with self._guard:
            self._ending = True
            left = [*self._waiting, *(process.task for process in self._processes if process.task)]
        for task in left:
            if not task.future.done():
                task.future.set_exception(error)

    def _attend(self) -> None:
        """Reads the messages of the workers, and collects those that have died."""
        now = time.monotonic()
        for process in list(self._processes):
            task = process.task
            alive = process.receive(now)
            if alive:
                process.give(now)
            self._free(process, task)
            if not alive or (self._killing and process.task):
                self._collect(process)

    def _free(self, process: WorkerProcess, task: Task | None) -> None:
        """Frees the resources of a task that the worker has ended."""
        if task is not None and process.task is None:
            self.slots.give_back(task.resources, process.outfit)

    def _collect(self, process: WorkerProcess) -> None:
        task = process.task
        self._processes.remove(process)
        if task is not None:
            self.slots.give_back(task.resources, process.outfit)
            if task.can_be_given_again and not process.is_late and not self._killing:
                process.task = None
                with self._guard:
                    self._waiting.appendleft(task)
        process.collect_exit(stopped=self._killing)

    def _assign(self) -> bool:
        """Gives out the tasks that fit now. Returns whether any task is left."""
        with self._guard:
            waiting = list(self._waiting)
        passed: list[Task] = []
        for task in waiting:
            if task.future.cancelled():
                self._drop(task)
                task.future.set_running_or_notify_cancel()  # tells `concurrent.futures.wait`
            elif self.slots.full:
                break
            elif outfit := self.slots.take(task.resources):
                if not self._begin(task, outfit):
                    break
                for earlier in passed:
                    earlier.overtaken += 1
            elif task.overtaken > 4 * self.size:
                break  # it needs much, and has waited long: no more tasks overtake it
            else:
                passed.append(task)
        with self._guard:
            return bool(self._waiting) or any(process.task for process in self._processes)

    def _drop(self, task: Task) -> None:
        with self._guard:
            self._waiting.remove(task)

    def _begin(self, task: Task, outfit: Outfit) -> bool:
        """Gives a worker the task. Returns False when another worker must end first."""
        try:
            process = self._process_with(outfit)
        except OSError as error:  # no more processes or descriptors, or no memory for one
            self.slots.give_back(task.resources, outfit)
            if any(process.task for process in self._processes):
                return False
            self._drop(task)
            if task.begin():
                task.future.set_exception(_not_started(error))
            return True
        if process is None:
            self.slots.give_back(task.resources, outfit)
            return False
        self._drop(task)
        now = time.monotonic()
        process.take(task, now)
        process.give(now)
        self._free(process, task)
        return True

    def _process_with(self, outfit: Outfit) -> WorkerProcess | None:
        free = [process for process in self._processes if process.is_free]
        fit = sorted(
            (process for process in free if process.outfit == outfit),
            key=lambda process: not process.is_up,
        )
        if fit and fit[0].is_up:
            return fit[0]
        idle = all(process.task is None for process in self._processes)
        if len(self._processes) < self.size and (idle or _is_room()):
            self._processes.append(WorkerProcess(outfit))
            return self._processes[-1]
        if fit:  # it is starting, or hangs
            return fit[0]
        # The next one starts after its end: it may hold memory of the device.
        if free and all(process.end_by is None for process in self._processes):
            free[0].end()
        return None

    def _dismiss(self) -> None:
        """Lets free workers end by themselves, and ends the others."""
        for process in self._processes:
            if process.is_up and process.is_free:
                process.end()
        for process in self._processes:
            process.close()


def _is_room() -> bool:
    """Whether one more worker leaves enough descriptors for locks and other files."""
    from resource import RLIMIT_NOFILE, getrlimit

    limit, _ = getrlimit(RLIMIT_NOFILE)
    try:
        return limit < 0 or len(os.listdir("/dev/fd")) + limit // 4 + _SPARE <= limit
    except FileNotFoundError:  # this system does not list them
        return True


def _not_started(error: OSError) -> WorkerDied:
    return WorkerDied(
        "no worker process could be started",
        because=str(error),
        remedy="ask for fewer workers, or raise the limits of this process: ulimit -n, ulimit -u",
    )


class _Bell:
    """Wakes the thread that polls its descriptor."""

    def __init__(self) -> None:
        import socket

        self._hear, self._pull = socket.socketpair()
        self._hear.setblocking(False)
        self._pull.setblocking(False)

    def fileno(self) -> int:
        """The descriptor, which is readable after a ring."""
        return self._hear.fileno()

    def ring(self) -> None:
        """Wakes the thread."""
        try:
            self._pull.send(b"\0")
        except OSError:
            return  # it rings already, or is closed

    def clear(self) -> None:
        """Forgets the rings so far."""
        try:
            while self._hear.recv(4096):
                continue
        except BlockingIOError:
            return

    def close(self) -> None:
        """Closes its descriptors."""
        self._hear.close()
        self._pull.close()
