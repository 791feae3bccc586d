"""Together: quick attempts go to an executor as one job, a batch.

A job costs an executor of other processes some milliseconds, often more than the attempt does.

GT1  Attempts go together where those of the same realizer were quick, and while so many jobs are
    given out that no process is without work. None waits longer than a moment, for others or for
    the first answers. After attempts that took long it takes several quick ones until they go
    together again.
GT2  An attempt that takes long delays no other of its batch by more than itself: what the batch has
    not begun comes back, and goes again.
GT3  A process that dies fails its own attempt, and no other of the batch: each goes again, alone.
GT4  A batch is cancelled as a whole, or not at all. What was cancelled is never sent.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Any

from ...core.attempt import Committed
from .job import Job

TOGETHER = 0.1  # [s] that the attempts of a batch take, as it is expected
_MOMENT = 0.5  # [s] that an attempt waits at most; a process needs some of it for its imports
_BUSY = 16  # jobs given out, which are work for all processes


class Member(Future[Committed]):
    """The future of an attempt, which may go with others."""

    batch: "Batch | None" = None  # from when it was sent

    def cancel(self) -> bool:
        """Whether the attempt was cancelled, with its batch."""
        if self.batch is None:
            return super().cancel()
        return self.batch.cancel() and self.cancelled()


class Batch:
    """Attempts that have been sent as one job."""

    def __init__(self, realizer: bytes, members: Sequence[Member], sent: Future[Any]) -> None:
        self.realizer, self.members, self._sent = realizer, members, sent
        self._deciding = threading.RLock()  # the job may end while it is cancelled
        self._ended = self._given_up = False  # given up by the caller, not by the executor
        for member in members:
            member.batch = self

    def ends(self) -> bool:
        """Whether this ends now, and the caller still waits; from now on, it cannot cancel."""
        with self._deciding:
            if self._ended or self._given_up:
                return False
            self._ended = True
        for member in self.members:
            member.set_running_or_notify_cancel()
        return True

    def cancel(self) -> bool:
        """Whether the job was cancelled."""
        with self._deciding:
            if self._ended or self._given_up:
                return self._given_up
            self._given_up = True  # before: what was sent tells its end while it is cancelled
            cancelled = False
            try:
                cancelled = self._sent.cancel()
            except NotImplementedError:  # so says Parsl, which can cancel nothing
                pass
            finally:
                self._given_up = cancelled
            if cancelled:
                for member in self.members:
                    Future.cancel(member)
            return cancelled


class Gathering:
    """The attempts of one call that wait for others, and what has been sent."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, list[tuple[Job, Member]]] = {}  # by realizer
        self._since = 0.0  # when the first of them came
        self._out: set[Batch] = set()
        self._seconds: dict[bytes, float] = {}  # [s] that an attempt took last, by realizer
        self._alone: set[bytes] = set()

    def add(self, job: Job, member: Member) -> bool:
        """Has an attempt wait. Returns whether there are enough to be sent."""
        if not self._waiting:
            self._since = monotonic()
        self._waiting.setdefault(job.realizer, []).append((job, member))
        return self._is_enough(job.realizer)

    def _is_enough(self, realizer: bytes) -> bool:
        if len(self._out) >= _BUSY and not self._is_known(realizer):
            return False  # the first answers will tell
        return len(self._waiting[realizer]) >= self._size(realizer)

    def _is_known(self, realizer: bytes) -> bool:
        return realizer in self._seconds or realizer in self._alone

    def _size(self, realizer: bytes) -> int:
        if realizer in self._alone or realizer not in self._seconds:
            return 1
        by_time = int(TOGETHER / max(self._seconds[realizer], 0.001))
        attempts = sum(len(batch.members) for batch in [*self._out])
        attempts += sum(map(len, self._waiting.values()))
        return max(1, min(by_time, attempts // (2 * _BUSY)))

    @property
    def patience(self) -> float:
        """How long attempts may still wait [s]; 0 where none does, or where all are to be sent."""
        if len(self._out) < _BUSY or any(map(self._is_enough, self._waiting)):
            return 0.0
        return max(0.0, self._since + _MOMENT - monotonic()) if self._waiting else 0.0

    @property
    def realizers(self) -> list[bytes]:
        """Those of which attempts wait."""
        return [*self._waiting]

    def take(self, realizer: bytes) -> list[list[tuple[Job, Member]]]:
        """Its attempts, which wait no longer, as they are to be sent together."""
        size = self._size(realizer)
        left = [(job, member) for job, member in self._waiting.pop(realizer) if not member.done()]
        return [left[at : at + size] for at in range(0, len(left), size)]

    def sent(self, batch: Batch) -> None:
        """Notes that this is given out."""
        self._out.add(batch)

    def ended(self, batch: Batch, seconds: float) -> None:
        """Notes that this has come back, and how long an attempt of it took [s].

        A long time is forgotten by halves: those after it may take as long.
        """
        self._out.discard(batch)
        self._seconds[batch.realizer] = max(seconds, self._seconds.get(batch.realizer, 0.0) / 2)

    def was_cancelled(self, batch: Batch) -> None:
        """Notes that the caller has given this up."""
        self._out.discard(batch)

    def was_lost(self, batch: Batch) -> None:
        """Notes that this will never come back. Attempts of the realizer go alone from now on."""
        self._out.discard(batch)
        self._alone.add(batch.realizer)
