"""Answer: the outcome of a call in another process, in a form that can be pickled."""

import pickle
import traceback
from concurrent.futures import Future
from typing import Any

from ...core.dataclasses import dataclass
from ...core.errors import SEE_TRACEBACK, BuildError, Interrupted
from ...core.events import Event
from ..attendant import StopRequested

_AGAIN = "realize it again: what was built is kept, and a scratch goes on"


class RemoteTraceback(Exception):
    """The traceback of another process, as text; it is the cause of an error from there."""

    def __str__(self) -> str:
        return f"in another process\n\n{self.args[0]}"


@dataclass(frozen=True)
class Answer:
    """A value, or an error with its traceback."""

    value: Any
    error: BaseException | None = None
    trace: str = ""  # of the error
    events: tuple[Event, ...] = ()  # of a call that could not reach the listener
    seconds: float = 0.0  # such a call took

    @classmethod
    def of(cls, error: BaseException) -> "Answer":
        """The answer of a call that raised this error."""
        trace = "".join(traceback.format_exception(error))
        return cls(None, _sendable(error), trace)

    def settle(self, future: Future[Any]) -> None:
        """Gives the future its result or its exception."""
        if self.error is None:
            future.set_result(self.value)
        else:
            if self.trace:
                self.error.__cause__ = RemoteTraceback(self.trace)
            future.set_exception(self.error)


def _sendable(error: BaseException) -> Exception:
    """The error itself if it can be pickled and read; else another error with the same words."""
    if isinstance(error, StopRequested):
        return Interrupted("an attempt was stopped", because=str(error), remedy=_AGAIN)
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:  # its class takes other arguments, or is local to a function
        again = None
    if isinstance(again, Exception):  # a KeyboardInterrupt from there is no Ctrl-C here
        return again
    return BuildError(
        f"{type(error).__name__} was raised in another process",
        because=str(error)[:2000] or None,
        remedy=SEE_TRACEBACK,
    )
