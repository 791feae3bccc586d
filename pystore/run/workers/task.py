"""Task: one thing for a worker to do, and who waits for it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from ...core.events import Event, Listener, Started, ignore
from ...core.resources import Resources
from ...core.tries import Tries
from ...store.commit import Committed
from .answer import Answer


def nothing(started: Started) -> Committed | None:
    """What a task without an attempt has committed."""
    return None


@dataclass(eq=False)
class Task:
    """One thing to do, and who waits for it."""

    call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]  # function and arguments
    future: Future[Any]
    terms: Resources
    listener: Listener = ignore
    timeout: float | None = None  # [s]
    tries: Tries = Tries()  # noqa: RUF009 - a frozen value
    committed: Callable[[Started], Committed | None] = nothing  # by an attempt, says the store
    starts: bool = False  # whether it tells so, so that one that did not can be given again
    taken: int = 0  # by how many workers
    overtaken: int = 0  # by how many later ones
    started: Started | None = None
    deadline: float | None = None  # on the monotonic clock [s]
    flaw: BaseException | None = None  # what those who listen to it raised first

    def begin(self) -> bool:
        """Whether somebody waits for it, who from now on cannot take it back."""
        return self.future.running() or self.future.set_running_or_notify_cancel()

    def expect(self, now: float, more: float = 0.0) -> None:
        """Sets its deadline, with some seconds more than it may run."""
        if self.timeout is not None:
            self.deadline = now + self.timeout + more

    def tell(self, event: Event) -> None:
        """Tells its listener, whose mistakes are the task's own."""
        self.guard(self.listener, event)

    def guard(self, do: Callable[..., Any], *args: Any) -> Any:
        """Does something for the task; what that raises becomes its answer."""
        try:
            return do(*args)
        except BaseException as error:
            self.flaw = self.flaw or error
            return None

    def settle(self, answer: Answer) -> None:
        """Gives who waits for it, if anybody does, the answer."""
        if self.flaw is not None:
            answer = Answer(None, self.flaw)
        if self.begin():
            answer.settle(self.future)

    @property
    def can_be_given_again(self) -> bool:
        """Whether it is certain that it has done nothing, and is worth another worker."""
        return self.starts and self.started is None and self.taken < 2
