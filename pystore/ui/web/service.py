"""Service: a model that answers questions while it follows what is trained.

SQ1  An answer names the realization that gave it, and on one connection they never go back.
SQ2  Nothing is answered before a realization is loaded and checked, and none after it may not be
     used any more: then a problem says why, and what to do.
SQ3  An answer that is remembered is that of the realization that answers now.
"""

import asyncio
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ...app.fetching import Fetching, wanted_of
from ...core.dataclasses import dataclass
from ...core.digest import short
from ...core.errors import PystoreWarning
from ...core.matchers import Matcher
from ...store.remote.source import RemoteSource
from .answer_cache import AnswerCache
from .answer_log import AnswerLog
from .batches import Answered, Batches
from .following import Event, Following
from .inputs import Body, question
from .lane import Lane
from .live import Live
from .metrics import Measures
from .pictures import picture
from .problems import Problem
from .served import Served
from .shadow import Shadow


@dataclass(frozen=True)
class ServiceOptions:
    """How a model is served."""

    matcher: Matcher | None = None
    pin: str | None = None
    shadow: Matcher | None = None
    log: Path | None = None
    log_inputs: bool = False
    cache: int = 0  # answers to remember
    every: float = 0.5  # [s] between looks
    load_within: float = 4.0  # [s]; with a look every half second, refused within 5 s
    patience: float = 30.0  # [s] that a question may wait
    max_body: int = 4 << 20  # [bytes]
    token: str | None = None
    source: RemoteSource | None = None  # a remote, from which comes what is followed
    source_every: float = 30.0  # [s] between questions to it
    tell: Callable[[str], None] | None = None  # gets a line for people at each event

    @property
    def whom(self) -> str:
        """Whom the service follows, for people."""
        at = "" if self.source is None else f" at {self.source.url}"
        if self.pin is not None:
            return f"pin {self.pin}{at}"
        return f"{self.matcher or 'the matcher of the model'}{at}"


class Service:
    """A model behind questions; it belongs to one event loop."""

    def __init__(self, model: Served, options: ServiceOptions) -> None:
        self.model = model
        self.options = options
        self.measures = Measures()
        self.stopping = False
        tell = self._tell = partial(_told, options.tell or _warn)
        self._reported = ""
        self.following = self._follow(options.matcher, options.pin, lambda e: tell(_line(e)))
        self.batches = Batches(
            lambda: self.live,
            self.measures.measure_batch,
            self._report,
            patience=options.patience,
        )
        self.shadow = Shadow(self._follow(options.shadow, None)) if options.shadow else None
        self.fetching = self._fetch(options.source) if options.source else None
        self._log = AnswerLog(options.log, options.log_inputs, tell) if options.log else None
        self._cache = AnswerCache(options.cache) if options.cache else None
        self._decoding = Lane("pystore decode")  # one at a time: each may need much memory
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def live(self) -> Live | None:
        """The realization that answers now."""
        return self.following.live

    def start(self) -> None:
        """Begins to follow; a model answers a while later."""
        if self._tasks:
            return
        if self.fetching:
            self.fetching.start()
        followed = [self.following, *([self.shadow.following] if self.shadow else [])]
        self._tasks = [asyncio.ensure_future(one.run()) for one in followed]

    async def close(self) -> None:
        """Lets go of everything."""
        self.stopping = True
        if self.fetching:
            self.fetching.end()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.following.close()
        if self.shadow:
            await self.shadow.close()
        self.batches.end()
        self._decoding.end()
        if self._log:
            self._log.close()

    async def answer(self, body: Body) -> Answered:
        """The answer to the question in a body. Raises Problem."""
        begun = time.perf_counter()
        live = self.ready()
        key = self._key(body)
        known = self._cache.get(live, key) if self._cache else None
        raw = None
        if known is None or (self._log and self.options.log_inputs):
            raw = await self._raw(body, live)
        answer = known or await self.batches.ask(raw)
        if known is None:
            if self._cache:
                self._cache.put(live, key, answer)
            if self.shadow:
                self.shadow.offer(raw, answer)
        if self._log:
            self._log.note(key, body, raw, answer)
        self.measures.seconds.observe(time.perf_counter() - begun)
        return answer

    def ready(self) -> Live:
        """The realization that answers. Raises Problem when none does."""
        if (live := self.live) is not None:
            return live
        following = self.following
        refused = [*following.refused.items()][-1:]
        told: dict[str, Any] = {"follows": self.options.whom, "because": following.because}
        told["refused"] = dict(refused) or None
        told["source"] = self.fetching.because if self.fetching else None
        remedy = "look at /ready; it answers as soon as something that is trained is loaded"
        if following.because is None and not refused:
            remedy = "train the model, or wait while it is loaded; /ready says when it answers"
        raise Problem(503, "no model answers yet", **told, remedy=remedy)

    def measured(self) -> bytes:
        """The counts for Prometheus."""
        live, shadow = self.live, self.shadow
        self.measures.set_state(
            None if live is None else str(live.rref),
            swaps=self.following.swaps,
            refused=len(self.following.refused),
            waiting=self.batches.waiting,
            cached=self._cache.hits if self._cache else 0,
            lost=self._log.lost if self._log else 0,
            agreed=shadow.agreed if shadow else 0,
            compared=shadow.compared if shadow else 0,
        )
        return self.measures.text()

    def _follow(
        self, matcher: Matcher | None, pin: str | None, tell: Callable[[Event], None] | None = None
    ) -> Following:
        return Following(
            self.model,
            partial(self.model.follow, matcher=matcher, pin=pin),
            every=self.options.every,
            load_within=self.options.load_within,
            tell=tell or (lambda _: None),
        )

    def _fetch(self, source: RemoteSource) -> Fetching:
        how = self.options
        wanted = partial(wanted_of, self.model, how.matcher, how.pin, how.shadow)
        return Fetching(source, wanted, every=how.source_every, tell=self._tell)

    def _key(self, body: Body) -> str:
        if not self._cache and not self._log:
            return ""
        return short("pystore question 1", body.media_type.encode() + b"\n" + body.data)

    async def _raw(self, body: Body, live: Live) -> Any:
        if body.is_picture:
            return await self._decoding.run(picture, body.data)
        return question(body.data, live.expected)

    def _report(self, error: BaseException) -> None:
        """Tells whoever runs the service, once for many of a kind in a row."""
        kind = f"the predictor failed: {type(error).__name__}: {error}"[:500]
        if kind != self._reported:
            self._reported = kind
            self._tell(f"{kind}{_place(error)}")


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _told(tell: Callable[[str], None], line: str) -> None:
    with suppress(Exception):  # nobody may read it any more
        tell(line)


def _line(event: Event) -> str:
    rref, why = event.get("rref"), event.get("why")
    match event["event"]:
        case "serving":
            return f"serving {rref}, loaded and checked in {event['seconds']} s"
        case "refused":
            return f"refused {rref}: {why}"
        case "warning":
            return f"warning: {rref} was {why}"
        case "nothing":
            return f"no longer serving {rref}: {why or 'the service ends'}"
    return f"cannot look for what to serve: {why}"


def _warn(line: str) -> None:
    """Where nobody reads lines, only warnings are told."""
    if line.startswith("warning: "):
        warnings.warn(line.removeprefix("warning: "), PystoreWarning, stacklevel=2)
