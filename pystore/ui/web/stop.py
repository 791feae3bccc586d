"""Stop: the signals that ask a service to end."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether the service is to end, and since when."""

    def __init__(self) -> None:
        self.since: float | None = None  # [s] of the monotonic clock
        self.is_urgent = False  # Ctrl-C was pressed again

    @property
    def came(self) -> bool:
        """Whether somebody has asked."""
        return self.since is not None

    def ask(self) -> None:
        """Asks the service to end."""
        if self.since is None:
            self.since = time.monotonic()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Lets signals ask, inside the block; but for ignored ones, as under `nohup`."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are for the main thread alone
            return
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number, handler in before.items():
            if callable(handler) or handler is signal.SIG_DFL:
                signal.signal(number, self._came)
        try:
            yield
        finally:
            for number, handler in before.items():
                if handler is not None:  # None: it is not one of Python's
                    signal.signal(number, handler)

    def _came(self, number: int, frame: FrameType | None) -> None:
        self.is_urgent = self.is_urgent or (self.came and number == signal.SIGINT)
        self.ask()
