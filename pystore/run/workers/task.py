"""Task: one thing for a worker to do, and who waits for it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from ...model.events import Event, Listener, Started, ignore
from ...model.terms import Terms
from ...store.commit import Committed
from .job import Answer


def nothing(started: Started) -> Committed | None:
    """What a task without an attempt has committed."""
    return None


@dataclass(eq=False)
class Task:
    """One thing to do, and who waits for it."""

    packed: bytes  # a function and its arguments
    future: Future[Any]
    terms: Terms
    listener: Listener = ignore
    committed: Callable[[Started], Committed | None] = nothing  # by an attempt, says the store
    starts: bool = False  # whether it tells so, so that one that did not can be given again
    given: int = 0  # how often
    overtaken: int = 0  # by how many later ones
    started: Started | None = None
    deadline: float | None = None  # on the monotonic clock [s]
    flaw: BaseException | None = None  # what those who listen to it raised first

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
        """Gives who waits for it the answer."""
        if self.flaw is not None:
            answer = Answer(None, self.flaw)
        answer.settle(self.future)

    @property
    def can_be_given_again(self) -> bool:
        """Whether it is certain that it has done nothing, and is worth another worker."""
        return self.starts and self.started is None and self.given < 2
