"""Server: uvicorn, which ends in order and then returns."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket
from typing import Any

import uvicorn

from .stop import Stop

_LULL = 0.5  # [s] in which clients hear that their connections end, before they do
_GRACE = 2.5  # [s] for the answers that are on their way
_IDLE = 75  # [s] that a connection may be silent


class Server(uvicorn.Server):
    """A server that ends when it is asked to, and calls `begin_to_end` before it does.

    uvicorn raises the signal again when it has ended, so that the program would end with its code.
    """

    def __init__(
        self, application: Callable[..., Any], stop: Stop, begin_to_end: Callable[[], None]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_keep_alive=_IDLE,
                timeout_graceful_shutdown=_GRACE,  # type: ignore[arg-type]  # floats do as well
            )
        )
        self._begin_to_end = begin_to_end
        self._stop = stop

    def answer(self, listening: socket) -> None:
        """Answers what comes, until it is asked to end."""
        self.run([listening])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the one who has asked for the server."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Looks ten times a second whether to end."""
        if self._stop.since is not None:
            self._begin_to_end()
            self.force_exit = self._stop.is_urgent
            rested = time.monotonic() - self._stop.since >= _LULL
            self.should_exit = rested or self.force_exit or not self.server_state.connections
        return await super().on_tick(counter)
