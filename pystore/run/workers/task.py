"""Task: one call for a worker to make, and the future that waits for it."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ...core.attempt import Committed
from ...core.dataclasses import dataclass
from ...core.events import Event, Listener, Started, ignore
from ...core.resources import Resources
from ...core.tries import Tries
from .answer import Answer


def nothing(started: Started) -> Committed | None:
    """The result in the store of a task that is no attempt."""
    return None


@dataclass(eq=False)
class Task:
    """One call to make, and the future that waits for it."""

    call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]  # function and arguments
    future: Future[Any]
    resources: Resources
    listener: Listener = ignore
    timeout: float | None = None  # [s]
    tries: Tries = Tries()
    committed: Callable[[Started], Committed | None] = nothing  # the result in the store
    starts: bool = False  # whether it tells when it starts
    taken: int = 0  # how many workers have got it
    overtaken: int = 0  # how many later tasks were given out before it
    started: Started | None = None
    deadline: float | None = None  # on the monotonic clock [s]
    flaw: BaseException | None = None  # what its callbacks raised first

    def begin(self) -> bool:
        """Whether the future still waits; from now on, it cannot be cancelled."""
        return self.future.running() or self.future.set_running_or_notify_cancel()

    def expect(self, now: float, more: float = 0.0) -> None:
        """Sets the deadline: its timeout, and `more` seconds."""
        if self.timeout is not None:
            self.deadline = now + self.timeout + more

    def tell(self, event: Event) -> None:
        """Tells the listener. An exception of the listener becomes the answer of the task."""
        self.guard(self.listener, event)

    def guard(self, do: Callable[..., Any], *args: Any) -> Any:
        """The result of a call. If it raises, None, and the exception becomes the answer."""
        try:
            return do(*args)
        except BaseException as error:
            self.flaw = self.flaw or error
            return None

    def settle(self, answer: Answer) -> None:
        """Gives the answer to the future, if that still waits."""
        if self.flaw is not None:
            answer = Answer(None, self.flaw)
        if self.begin():
            answer.settle(self.future)

    @property
    def can_be_given_again(self) -> bool:
        """Whether another worker may get it: it has certainly done nothing, and had one worker."""
        return self.starts and self.started is None and self.taken < 2
