"""Workers: an executor whose workers are processes of this machine.

What only their processes need is imported when the first one starts.

WP1  A worker that dies, or overruns its time, fails its own task, and no other.
WP2  Nothing is left running: a worker ends, with its children, when its pool does, however that
    comes about; but not what has made a session of its own.
WP3  What runs at one time never has more GPUs, memory or processors than there are.
"""

import atexit
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ...core.errors import WorkerDied
from ...core.events import Listener, Started, ignore
from ...core.options import checked_count
from ...core.resources import Resources
from ...core.tries import Tries
from ...store.forked import forgotten_by_children

if TYPE_CHECKING:
    from ...store.commit import Committed
    from .slots import Outfit
    from .task import Task
    from .worker_process import WorkerProcess

P = ParamSpec("P")
T = TypeVar("T")

_PLAIN = Resources()
_NO_MORE = Tries()
_LONG = 3600.0  # [s]; a system call takes no endless number
_SPARE = 16  # descriptors for what is open for a moment


class Workers(Executor):
    """`n` worker processes, started when they are needed and kept until `shutdown`.

    They are spawned, never forked, and import nothing of the script that started them. `gpus`
    are the devices to hand out, as CUDA_VISIBLE_DEVICES names them: `[0, 1]`; what asks for none
    sees none. Numerical libraries get as many threads each as the processors allow, where the
    environment does not say. Workers keep the environment, the working directory and the modules
    that they started with. What was submitted is done when the program ends.
    """

    def __init__(self, n: int, *, gpus: Collection[int | str] | None = None) -> None:
        from .slots import Slots, checked_gpus

        self.size = checked_count("workers", n)
        self.slots = Slots(n, None if gpus is None else checked_gpus(gpus))
        self._waiting: deque[Task] = deque()
        self._hands: list[WorkerProcess] = []
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
        terms: Resources = _PLAIN,
        timeout: float | None = None,
        tries: Tries = _NO_MORE,
        listener: Listener = ignore,
        committed: "Callable[[Started], Committed | None] | None" = None,
        future: Future[T] | None = None,
    ) -> Future[T]:
        """The same under terms; the listener hears, from another thread, what the task tells.

        The caller may bring the `future`, to know it before the task is given out.

        Of an attempt, which tells that it has started, `committed` says what the store has of it:
        a worker may die between its last rename and its last words.

        Raises BadStage when this machine can never meet the terms, RuntimeError after `shutdown`
        and in a forked child, which has no part in the workers of its parent.
        """
        from .task import Task, nothing

        self.slots.check(terms, "a task")
        future = Future() if future is None else future
        call = (function, args, kwargs or {})
        starts = committed is not None
        task = Task(call, future, terms, listener, timeout, tries, committed or nothing, starts)
        with self._guard:
            if self._foreign:
                raise RuntimeError("these workers belong to the process that forked this one")
            if self._ending:
                raise RuntimeError("these workers have been shut down")
            self._waiting.append(task)
            if self._foreman is None:
                self._start_foreman()
                atexit.register(self.shutdown)  # what was submitted is done
        self._bell.ring()
        return future

    def _start_foreman(self) -> None:
        self._foreman = foreman = threading.Thread(target=self._oversee, daemon=True)
        try:
            foreman.start()
        except BaseException:
            if foreman.ident is None:  # the system starts no more threads: nobody is to be joined
                self._foreman = None
                self._waiting.pop()
            raise

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Lets the workers finish what they were given, and ends them."""
        with self._guard:
            self._ending = True
            if cancel_futures:
                self._cancel()
        self._join(wait)

    def kill(self) -> None:
        """Ends the workers at once. What they are doing counts as died."""
        with self._guard:
            self._ending = self._killing = True
            self._cancel()
        self._join(wait=True)

    def _cancel(self) -> None:
        """Takes back what no worker has begun."""
        for task in (*self._waiting, *(hand.task for hand in list(self._hands))):
            if task is not None:
                task.future.cancel()

    def forget(self) -> None:
        """In a forked child, whose copy of the foreman does not run: there is nothing to end."""
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
            self.kill()  # Ctrl-C, for the second time
        else:
            self.shutdown()

    def _join(self, wait: bool) -> None:
        self._bell.ring()
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
        except BaseException as error:  # a bug of ours: nobody waits for ever
            self._fail_all(error)
            raise
        finally:
            self._dismiss()
            self._bell.close()
            atexit.unregister(self.shutdown)

    def _wait(self) -> None:
        """Waits until a worker wants to be attended to, or somebody has rung the bell."""
        poll = select.poll()
        poll.register(self._bell.fileno(), select.POLLIN)
        for hand in self._hands:
            for descriptor, what in hand.awaited:
                poll.register(descriptor, what)
        poll.poll(self._patience())
        self._bell.clear()

    def _patience(self) -> float | None:
        """How long nobody needs to be looked after [ms]."""
        ends = [hand.deadline for hand in self._hands if hand.deadline is not None]
        return 1000 * min(max(0.0, min(ends) - time.monotonic()), _LONG) + 1 if ends else None

    def _fail_all(self, error: BaseException) -> None:
        with self._guard:
            self._ending = True
            left = [*self._waiting, *(hand.task for hand in self._hands if hand.task)]
        for task in left:
            if not task.future.done():
                task.future.set_exception(error)

    def _attend(self) -> None:
        """Takes in what the workers have said, and buries those that have died."""
        now = time.monotonic()
        for hand in list(self._hands):
            task = hand.task
            alive = hand.receive(now)
            if alive:
                hand.give(now)
            self._free(hand, task)
            if not alive or (self._killing and hand.task):
                self._bury(hand)

    def _free(self, hand: "WorkerProcess", task: "Task | None") -> None:
        """Frees what a task had, if the worker does it no more."""
        if task is not None and hand.task is None:
            self.slots.give_back(task.terms, hand.outfit)

    def _bury(self, hand: "WorkerProcess") -> None:
        task = hand.task
        self._hands.remove(hand)
        if task is not None:
            self.slots.give_back(task.terms, hand.outfit)
            if task.can_be_given_again and not hand.late and not self._killing:
                hand.task = None
                with self._guard:
                    self._waiting.appendleft(task)
        hand.bury(stopped=self._killing)

    def _assign(self) -> bool:
        """Gives out what can be done now. Returns whether there is anything left to do."""
        with self._guard:
            waiting = list(self._waiting)
        passed: list[Task] = []
        for task in waiting:
            if task.future.cancelled():
                self._drop(task)
                task.future.set_running_or_notify_cancel()  # for those that wait for several
            elif self.slots.full:
                break
            elif outfit := self.slots.take(task.terms):
                if not self._begin(task, outfit):
                    break
                for earlier in passed:
                    earlier.overtaken += 1
            elif task.overtaken > 4 * self.size:
                break  # it wants much, and has waited enough: nothing more overtakes it
            else:
                passed.append(task)
        with self._guard:
            return bool(self._waiting) or any(hand.task for hand in self._hands)

    def _drop(self, task: "Task") -> None:
        with self._guard:
            self._waiting.remove(task)

    def _begin(self, task: "Task", outfit: "Outfit") -> bool:
        """Gives a worker a task. Returns False when it must wait for another worker to end."""
        try:
            hand = self._hand_with(outfit)
        except OSError as error:  # no more processes or descriptors, or no memory for one
            self.slots.give_back(task.terms, outfit)
            if any(hand.task for hand in self._hands):
                return False
            self._drop(task)
            if task.begin():
                task.future.set_exception(_not_started(error))
            return True
        if hand is None:
            self.slots.give_back(task.terms, outfit)
            return False
        self._drop(task)
        now = time.monotonic()
        hand.take(task, now)
        hand.give(now)
        self._free(hand, task)
        return True

    def _hand_with(self, outfit: "Outfit") -> "WorkerProcess | None":
        from .worker_process import WorkerProcess

        free = [hand for hand in self._hands if hand.free]
        fit = sorted((hand for hand in free if hand.outfit == outfit), key=lambda hand: not hand.up)
        if fit and fit[0].up:
            return fit[0]
        idle = all(hand.task is None for hand in self._hands)
        if len(self._hands) < self.size and (idle or _is_room()):
            self._hands.append(WorkerProcess(outfit))
            return self._hands[-1]
        if fit:  # which is on its way up, or hangs
            return fit[0]
        # Not before it has ended: it may hold the memory of the device that is given out.
        if free and all(hand.until is None for hand in self._hands):
            free[0].end()
        return None

    def _dismiss(self) -> None:
        """Lets workers that have nothing to do end by themselves, and ends the others."""
        for hand in self._hands:
            if hand.up and hand.free:
                hand.end()
        for hand in self._hands:
            hand.close()


def _is_room() -> bool:
    """Whether one more worker leaves descriptors for the locks of the loop, and for all else."""
    from resource import RLIMIT_NOFILE, getrlimit

    limit, _ = getrlimit(RLIMIT_NOFILE)
    try:
        return limit < 0 or len(os.listdir("/dev/fd")) + limit // 4 + _SPARE <= limit
    except FileNotFoundError:  # a system that does not tell
        return True


def _not_started(error: OSError) -> WorkerDied:
    return WorkerDied(
        "no worker process could be started",
        because=str(error),
        remedy="ask for fewer workers, or raise the limits of this process: ulimit -n, ulimit -u",
    )


class _Bell:
    """Wakes a thread that waits for connections."""

    def __init__(self) -> None:
        import socket

        self._hear, self._pull = socket.socketpair()
        self._hear.setblocking(False)
        self._pull.setblocking(False)

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._hear.fileno()

    def ring(self) -> None:
        """Wakes it."""
        try:
            self._pull.send(b"\0")
        except OSError:
            return  # it rings already, or has ended

    def clear(self) -> None:
        """Takes in all rings so far."""
        try:
            while self._hear.recv(4096):
                continue
        except BlockingIOError:
            return

    def close(self) -> None:
        """Gives up its descriptors."""
        self._hear.close()
        self._pull.close()
