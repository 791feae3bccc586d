"""Following: the realization that a follower chooses, loaded and checked while others answer.

FW1  A realization answers only after it has predicted its examples again. One that does not load,
     predicts otherwise, or hangs is refused with the reason, and the one that answers stays.
FW2  A look that fails is an event, and the realization that answers stays. When a look finds that
     none may answer, such as after a rejection, none does.
FW3  A replaced realization is let go of when its last batch is done.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ...core.errors import NotInStore, in_one_line
from ...core.printable import printable
from ...core.refs import RRef
from .lane import Lane
from .live import Live, load_checked
from .served import Follower, Served

Event = Mapping[str, Any]
_FIRST = 60.0  # [s] at least for the first one: it imports libraries, and there is no other to stay
TRIES = 3  # to load one, where what hinders it may pass
_MAY_PASS = (NotInStore, OSError, MemoryError)  # it was removed just now, files are all open, …


class Following:
    """What answers now, and what takes over."""

    def __init__(
        self,
        model: Served,
        follow: Callable[[], Follower],
        *,
        every: float,
        load_within: float,
        tell: Callable[[Event], None],
    ) -> None:
        self.live: Live | None = None
        self.because: str | None = None  # why the last look failed
        self.error: BaseException | None = None  # of the last realization that was refused
        self.events: deque[Event] = deque(maxlen=50)
        self.swaps = 0
        self._model = model
        self._follow = follow
        self._every = every
        self._load_within = load_within
        self._tell = tell
        self._follower: Follower | None = None
        self._wanted: RRef | None = None  # the choice of the last look
        self._hindered: Counter[RRef] = Counter()
        self._looking, self._loading = Lane("pystore look"), Lane("pystore load")

    @property
    def refused(self) -> dict[str, str]:
        """The realizations that were refused, and why; the newest last."""
        follower = self._follower
        told = [] if follower is None else list(follower.refused.items())
        return {str(rref): why for rref, why in told}

    async def run(self) -> None:
        """Looks again and again."""
        while True:
            try:
                await self.look()
            except Exception as error:  # whatever it is, the next look may do
                self._have_trouble(error)
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Looks once, and lets the choice take over when it loads and predicts as it did."""
        try:
            rref = await self._looking.run(self._choose)
        except Exception as error:  # a store may fail in any way
            return self._have_trouble(error)
        self.because = self._why_not
        if rref is None:
            self._stop_answering()
        elif self.live is None or rref != self.live.rref:
            await self._take(rref)

    async def aside(self, work: Callable[[], None]) -> None:
        """Does something in the thread that looks."""
        await self._looking.run(work)

    async def close(self) -> None:
        """Lets go of everything, if it does not take long."""
        live, self.live = self.live, None
        if live is not None:
            live.retire(self._let_go)
        self._loading.end()
        job = self._looking.run(self._close)
        self._looking.end()
        await asyncio.wait({job}, timeout=0.5)

    def _stop_answering(self) -> None:
        live, self.live = self.live, None
        if live is not None:
            self._note("nothing", rref=str(live.rref), why=self.because or "")
            live.retire(self._let_go)

    @property
    def _why_not(self) -> str | None:
        return (self._follower and self._follower.why_not) or None

    def _choose(self) -> RRef | None:
        if self._follower is None:
            self._follower = self._follow()
        self._wanted = self._follower.look()
        return self._wanted

    def _close(self) -> None:
        if self._follower is not None:
            with suppress(Exception):  # the store may be gone
                self._follower.close()

    async def _take(self, rref: RRef) -> None:
        begun = time.perf_counter()
        limit = self._load_within if self.live else max(_FIRST, self._load_within)
        job = self._loading.run(load_checked, self._model, rref)
        done, _ = await asyncio.wait({job}, timeout=limit)
        if not done:
            job.add_done_callback(self._came_late)
            self._loading.end()
            self._loading = Lane("pystore load")
            self.error = None
            return await self._refuse(rref, f"it was not loaded within {limit:g} s")
        error = job.exception()
        if error is None:
            return self._swap(job.result(), time.perf_counter() - begun)
        self._hindered[rref] += 1
        if isinstance(error, _MAY_PASS) and self._hindered[rref] < TRIES:
            return self._have_trouble(error)
        self.error = error
        await self._refuse(rref, _in_words(error))

    def _swap(self, live: Live, seconds: float) -> None:
        before, self.live = self.live, live  # the next batch begins with it
        self._hindered.clear()
        self.swaps += 1
        self._note("serving", rref=str(live.rref), seconds=round(seconds, 3))
        for told in live.loaded.versions_differ:
            self._note("warning", rref=str(live.rref), why=told)
        if before is not None:
            before.retire(self._let_go)

    async def _refuse(self, rref: RRef, why: str) -> None:
        self._note("refused", rref=str(rref), why=why)
        follower = self._follower
        assert follower is not None
        try:
            await self._looking.run(follower.refuse, rref, why)
        except Exception as error:  # a store may fail in any way
            self._have_trouble(error)

    def _let_go(self, live: Live) -> None:
        self._looking.run(self._release, live).add_done_callback(_ignore)

    def _came_late(self, job: asyncio.Future[Live]) -> None:
        if not job.cancelled() and job.exception() is None:
            self._let_go(job.result())

    def _release(self, live: Live) -> None:
        """Runs where looks run, so that no look chooses it meanwhile."""
        live.loaded.close()
        if self._follower is not None and live.rref != self._wanted:
            self._follower.release(live.rref)

    def _have_trouble(self, error: BaseException) -> None:
        why = _in_words(error)
        if why != self.because:
            self._note("trouble", why=why)
        self.because = why

    def _note(self, kind: str, **facts: Any) -> None:
        event = {"event": kind, **facts, "at": round(time.time(), 3)}
        self.events.append(event)
        with suppress(Exception):  # nobody may read it any more
            self._tell(event)


def _in_words(error: BaseException) -> str:
    words = getattr(error, "what", None) or in_one_line(str(error))
    because = getattr(error, "facts", {}).get("because")
    told = f"{words}: {because}" if because else words
    return printable(f"{type(error).__name__}: {told}"[:300])


def _ignore(job: asyncio.Future[Any]) -> None:
    if not job.cancelled():
        job.exception()  # or asyncio would complain that nobody has asked for it
