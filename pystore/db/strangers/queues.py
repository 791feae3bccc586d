"""Queues: which URL is fetched next, when hosts differ in how quickly they answer.

QU1  Hosts take turns, and each has at most so many URLs fetched at a time.
QU2  The last threads are kept for hosts that have answered quickly, so that any number of hosts
     that do not answer holds up none of these.
"""

from collections import Counter, OrderedDict, deque
from typing import Generic, TypeVar

from ...core.dataclasses import dataclass

Tag = TypeVar("Tag")
_MOST_KNOWN = 10_000  # hosts that have answered quickly


@dataclass(frozen=True)
class Job(Generic[Tag]):
    """A URL to fetch."""

    tag: Tag
    url: str
    etag: str | None
    host: str  # with its port


class Queues(Generic[Tag]):
    """The jobs that wait, by host, for some threads, of which `kept` are for quick hosts."""

    def __init__(self, threads: int, a_host: int, kept: int) -> None:
        self._free = threads
        self._a_host = a_host
        self._kept = kept
        self._waiting: dict[str, deque[Job[Tag]]] = {}
        self._busy: Counter[str] = Counter()
        self._quick: OrderedDict[str, None] = OrderedDict()  # who answered last is the last
        # The hosts that may have another job begun, in their turns: the quick ones, the others.
        self._quick_turns: OrderedDict[str, None] = OrderedDict()
        self._other_turns: OrderedDict[str, None] = OrderedDict()

    def add(self, job: Job[Tag]) -> None:
        """Lets a job wait."""
        self._waiting.setdefault(job.host, deque()).append(job)
        self._line_up(job.host)

    def begin(self) -> Job[Tag] | None:
        """The job to begin now; None while there is none for a thread that is free."""
        if self._quick_turns and self._free:
            turns = self._quick_turns
        elif self._other_turns and self._free > self._kept:
            turns = self._other_turns
        else:
            return None
        host, _ = turns.popitem(last=False)
        job = self._waiting[host].popleft()
        if not self._waiting[host]:
            del self._waiting[host]
        self._free -= 1
        self._busy[host] += 1
        self._line_up(host)
        return job

    def end(self, job: Job[Tag], *, was_quick: bool) -> None:
        """Says that a job has ended."""
        self._free += 1
        self._busy[job.host] -= 1
        if not self._busy[job.host]:
            del self._busy[job.host]
        self._quick.pop(job.host, None)
        if was_quick:
            self._quick[job.host] = None
            if len(self._quick) > _MOST_KNOWN:
                self._line_up(self._quick.popitem(last=False)[0])
        self._line_up(job.host)

    def clear(self) -> None:
        """Drops all jobs that wait."""
        for jobs in (self._waiting, self._quick_turns, self._other_turns):
            jobs.clear()

    def _line_up(self, host: str) -> None:
        """Gives a host its turn, if it may have one, and else takes the turn away."""
        may = host in self._waiting and self._busy[host] < self._a_host
        mine, other = self._quick_turns, self._other_turns
        if host not in self._quick:
            mine, other = other, mine
        other.pop(host, None)
        if may:
            mine.setdefault(host)
        else:
            mine.pop(host, None)
