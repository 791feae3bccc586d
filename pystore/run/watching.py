"""Watching: who listens while a call realizes. The terminal's bars install themselves here."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from ..core.derivation import Closure
from ..core.events import Listener, ignore
from ..core.listeners import both, guarded
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


@contextmanager
def shown(progress: bool, listener: Listener) -> Iterator[Listener]:
    """The listener, and with `progress` what a terminal shows of one thing that goes on."""
    with Watch.single() if progress else nullcontext(ignore) as bar:
        yield both(bar, guarded(listener))
