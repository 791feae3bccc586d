"""Changes: a stream of events without content, one when a store has changed.

YE1  An event says only that something has changed since the version that a page tells: the page is
     asked for again. No change is missed, and there is at most one event a second.
YE2  A stream takes no thread. However many there are, a store is looked at once a second, and not
     at all when nobody waits.
YE3  A stream ends when its browser goes, and when the server is to end.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

_EVERY = 1.0  # [s]


class Changes:
    """The changes of a store, for those who look at pages of it."""

    def __init__(
        self, look: Callable[[], Awaitable[str]], ending: asyncio.Event, every: float = _EVERY
    ) -> None:
        """`look` gives a version of the store, and `ending` is set when all streams must end."""
        self._look, self._ending, self._every = look, ending, every
        self._turn = asyncio.Lock()
        self._version, self._at = "", -every

    async def since(self, seen: str) -> AsyncIterator[bytes]:
        """The events since a version, as server-sent ones."""
        yield b"retry: 2000\n\n"
        while not self._ending.is_set():
            now = await self._now()
            if now != seen:
                seen = now
                yield f"event: changed\nid: {now}\ndata:\n\n".encode()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), self._every)

    async def _now(self) -> str:
        async with self._turn:
            if time.monotonic() - self._at >= self._every * 0.9:
                self._version = await self._look()
                self._at = time.monotonic()
            return self._version
