"""Fetching: the bytes that URLs of strangers lead to, without a packet or a wait too much.

FS1  Nothing is sent to an address that the policy does not admit: not for a redirect, nor for a
     name that leads there, nor for the second answer of a name server.
FS2  A fetch ends by its timeout, whatever a server does, and `Fetcher` gives it back then.
FS3  Not more than `max_bytes` are read, and nothing is decoded, so nothing can grow like a bomb.
FS4  A host that answers waits for no other host.
FS5  Each URL that was submitted comes back once, under its tag, with its content or its failure.
"""

import threading
import time
from contextlib import closing
from typing import Generic, TypeVar

from .errors import NotFetched
from .strangers.policy import Policy
from .strangers.queues import Job, Queues
from .strangers.request import Fetched, fetch_one
from .strangers.web_address import WebAddress
from .strangers.wire import Lines

__all__ = ["Fetched", "Fetcher", "Policy", "fetch"]

Tag = TypeVar("Tag")
Outcome = Fetched | NotFetched

_QUICK = 1.0  # [s] within which a host answers that holds up nobody


def fetch(url: str, policy: Policy, etag: str | None = None) -> Fetched:
    """The content of a URL, or of a file below the root of the policy.

    Raises NotFetched, and FetchRefused where any other try would go as this one.
    """
    with closing(Lines()) as lines:
        return fetch_one(url, policy, etag, lines)


class Fetcher(Generic[Tag]):
    """Fetches URLs in `threads` of its own, at most `a_host` of one host at a time.

    When much content waits to be taken by `done`, no other fetch begins.
    """

    def __init__(self, policy: Policy, threads: int = 16, a_host: int = 4) -> None:
        self._policy = policy
        self._threads = threads
        self._queues: Queues[Tag] = Queues(threads, a_host, kept=threads // 4)
        self._lines = Lines()
        self._outcomes: list[tuple[Tag, Outcome]] = []
        self._held = 0  # [bytes] in the outcomes
        self._pending = 0
        self._started = 0  # threads
        self._is_closed = False
        self._broken: Exception | None = None
        # A `with` of a Condition may be cut by Ctrl-C when it has taken the lock, and keep it.
        self._alone = lock = threading.Lock()
        self._to_do, self._ended = threading.Condition(lock), threading.Condition(lock)

    def __enter__(self) -> "Fetcher[Tag]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, tag: Tag, url: str, etag: str | None = None) -> None:
        """Has a URL fetched; `done` gives it back under the tag."""
        job = Job(tag, url, etag, _host(url))
        with self._alone:
            if self._is_closed:
                raise RuntimeError("this fetcher is closed")
            self._queues.add(job)
            self._pending += 1
            if self._started < self._threads:
                self._started += 1
                threading.Thread(target=self._serve, name="pystore fetch", daemon=True).start()
            self._to_do.notify()

    def done(self, patience: float) -> list[tuple[Tag, Outcome]]:
        """What has ended since the last call; waits up to `patience` [s] for the first."""
        with self._alone:
            self._ended.wait_for(self._has_news, patience)
            if self._broken is not None:
                raise self._broken
            outcomes, self._outcomes = self._outcomes, []
            self._pending -= len(outcomes)
            self._held = 0
            self._to_do.notify_all()
            return outcomes

    @property
    def pending(self) -> int:
        """How many were submitted and not yet given back."""
        return self._pending

    def close(self) -> None:
        """Begins no other fetch. A fetch that runs ends by its timeout, and nobody waits for it."""
        with self._alone:
            self._is_closed = True
            self._queues.clear()
            self._pending = len(self._outcomes)
            self._to_do.notify_all()
            self._ended.notify_all()
        self._lines.close()

    def _has_news(self) -> bool:
        return bool(self._outcomes or self._broken or not self._pending)

    # --- in the threads ----------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while (job := self._next()) is not None:
                begun = time.monotonic()
                outcome = self._outcome(job)
                self._end(job, outcome, was_quick=time.monotonic() - begun < _QUICK)
        except Exception as error:
            with self._alone:
                self._broken = error
                self._ended.notify_all()

    def _next(self) -> Job[Tag] | None:
        with self._alone:
            while not self._is_closed:
                if self._held <= 2 * self._policy.max_bytes:
                    job = self._queues.begin()
                    if job is not None:
                        return job
                self._to_do.wait()
            return None

    def _outcome(self, job: Job[Tag]) -> Outcome:
        try:
            return fetch_one(job.url, self._policy, job.etag, self._lines)
        except NotFetched as error:
            # Their frames would hold what had been read, for as long as somebody keeps the error.
            error.__context__ = error.__cause__ = error.__traceback__ = None
            return error

    def _end(self, job: Job[Tag], outcome: Outcome, *, was_quick: bool) -> None:
        with self._alone:
            self._queues.end(job, was_quick=was_quick)
            if not self._is_closed:
                self._outcomes.append((job.tag, outcome))
                self._held += len(getattr(outcome, "content", None) or b"")
            self._to_do.notify_all()
            self._ended.notify_all()


def _host(url: str) -> str:
    try:
        return WebAddress.of(url).netloc
    except NotFetched:
        return ""  # a file, or no URL
