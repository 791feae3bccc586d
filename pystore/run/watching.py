"""Watching: who listens while a call realizes. The terminal's bars install themselves here."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from ..core.derivation import Closure
from ..core.events import Event, Listener, ignore
from ..store.ports import StoreProtocol

Single = Callable[[], AbstractContextManager[Listener]]
Open = Callable[[Closure, StoreProtocol, bool | None], AbstractContextManager[Listener]]


def _nobody(
    closure: Closure, store: StoreProtocol, wanted: bool | None
) -> AbstractContextManager[Listener]:
    return nullcontext(ignore)


class Watch:
    """How to show the progress of a call: `wanted` is its `progress`, None to decide by place."""

    open: Open = staticmethod(_nobody)
    single: Single = staticmethod(lambda: nullcontext(ignore))  # of one thing that goes on


def in_turn(listener: Listener) -> Listener:
    """The listener, told one event at a time: attempts tell theirs from threads of their own."""
    if listener is ignore:
        return listener
    turn = threading.RLock()

    def tell(event: Event) -> None:
        with turn:
            listener(event)

    return tell


@contextmanager
def shown(progress: bool, listener: Listener) -> Iterator[Listener]:
    """The listener, and with `progress` what a terminal shows of one thing that goes on."""
    with Watch.single() if progress else nullcontext(ignore) as bar:
        yield both(bar, listener)


def both(first: Listener, second: Listener) -> Listener:
    """The listener that tells two."""
    if first is ignore or second is ignore:
        return second if first is ignore else first

    def tell(event: Event) -> None:
        first(event)
        second(event)

    return tell
