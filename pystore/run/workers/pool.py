"""Workers: an executor whose workers are processes of this machine.

What only their processes need is imported when the first one starts.

W1  A worker that dies, or overruns its time, fails its own task, and no other.
W2  Nothing is left running: a worker ends, with its children, when its pool does, however that
    comes about.
W3  What runs at one time never has more GPUs, memory or processors than there are.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ...model.errors import BadStage
from ...model.events import Listener, ignore
from ...model.terms import Terms
from .slots import Outfit, Slots

if TYPE_CHECKING:
    from .hand import Hand, Task

P = ParamSpec("P")
T = TypeVar("T")

_PLAIN = Terms()


class Workers(Executor):
    """`n` worker processes, started when they are needed and kept until `shutdown`.

    They are spawned, never forked, and import nothing of the script that started them. `gpus`
    are the devices to hand out, as CUDA_VISIBLE_DEVICES names them: `[0, 1]`. Numerical libraries
    get as many threads each as the processors allow, where the environment does not say.
    """

    def __init__(self, n: int, *, gpus: Collection[int | str] | None = None) -> None:
        if type(n) is not int or n < 1:
            raise BadStage(f"workers={n!r} is no number of processes", remedy="workers=2")
        self.size = n
        self.slots = Slots(n, None if gpus is None else tuple(gpus))
        self._waiting: deque[Task] = deque()
        self._hands: list[Hand] = []
        self._guard = threading.Lock()
        self._ending = False
        self._killing = False
        self._foreman: threading.Thread | None = None
        self._bell = _Bell()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The future of `fn(*args, **kwargs)` in a worker."""
        return self.start(fn, args, kwargs)

    def start(
        self,
        function: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None = None,
        *,
        terms: Terms = _PLAIN,
        listener: Listener = ignore,
    ) -> Future[T]:
        """The same under terms; the listener hears, from another thread, what the task tells.

        Raises BadStage when this machine can never meet the terms.
        """
        import cloudpickle

        from .hand import Task

        self.slots.check(terms, "a task")
        future: Future[T] = Future()
        task = Task(cloudpickle.dumps((function, args, kwargs or {})), future, terms, listener)
        with self._guard:
            if self._ending:
                raise RuntimeError("these workers have been shut down")
            self._waiting.append(task)
            if self._foreman is None:
                self._foreman = threading.Thread(target=self._oversee, daemon=True)
                self._foreman.start()
        self._bell.ring()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Lets the workers finish what they were given, and ends them."""
        with self._guard:
            self._ending = True
            if cancel_futures:
                for task in self._waiting:
                    task.future.cancel()
        self._join(wait)

    def kill(self) -> None:
        """Ends the workers at once. What they were doing counts as died."""
        with self._guard:
            self._ending = self._killing = True
            for task in self._waiting:
                task.future.cancel()
        self._join(wait=True)

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
        from multiprocessing.connection import wait

        try:
            while self._assign() or not self._ending:
                listened = [self._bell, *(end for hand in self._hands for end in hand.waitable)]
                wait(listened, self._patience())
                self._bell.clear()
                self._attend()
        except BaseException as error:  # a listener's own, or a bug of ours: nobody waits for ever
            self._killing = True
            self._fail_all(error)
            raise
        finally:
            for hand in self._hands:
                hand.end()
            for hand in self._hands:
                hand.close(kill=self._killing)
            self._bell.close()

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
            hand.late = bool(task and task.deadline is not None and now > task.deadline)
            alive = hand.receive(now)
            if task is not None and hand.task is None:
                self.slots.give_back(task.terms, hand.outfit)
            if not alive or (hand.late and hand.task is not None) or self._killing:
                self._bury(hand)

    def _bury(self, hand: "Hand") -> None:
        task = hand.task
        self._hands.remove(hand)
        if task is not None:
            self.slots.give_back(task.terms, hand.outfit)
        hand.bury()

    def _assign(self) -> bool:
        """Gives out what can be done now. Returns whether there is anything left to do."""
        with self._guard:
            waiting = list(self._waiting)
        passed: list[Task] = []
        for task in waiting:
            if task.future.cancelled():
                self._drop(task)
            elif outfit := self.slots.take(task.terms):
                self._drop(task)
                self._begin(task, outfit)
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

    def _begin(self, task: "Task", outfit: Outfit) -> None:
        if not task.future.set_running_or_notify_cancel():
            self.slots.give_back(task.terms, outfit)
            return
        try:
            hand = self._hand_with(outfit)
        except OSError as error:  # no more processes, or no memory for one
            self.slots.give_back(task.terms, outfit)
            task.future.set_exception(error)
            return
        hand.give(task, time.monotonic())

    def _hand_with(self, outfit: Outfit) -> "Hand":
        from .hand import Hand

        idle = [hand for hand in self._hands if hand.task is None]
        for hand in idle:
            if hand.outfit == outfit:
                return hand
        if len(self._hands) >= self.size:
            self._hands.remove(idle[0])
            idle[0].end()
            idle[0].close()
        self._hands.append(Hand(outfit))
        return self._hands[-1]

    def _patience(self) -> float | None:
        ends = [hand.task.deadline for hand in self._hands if hand.task and hand.task.deadline]
        return max(0.0, min(ends) - time.monotonic()) if ends else None


class _Bell:
    """Wakes a thread that waits for connections."""

    def __init__(self) -> None:
        import socket

        self._hear, self._pull = socket.socketpair()
        self._hear.setblocking(False)

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._hear.fileno()

    def ring(self) -> None:
        """Wakes it."""
        try:
            self._pull.send(b"\0")
        except OSError:
            return  # it has ended

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
