"""A helper: a forked child that takes a part of the pieces of some work, on a second core.

HP1  Each piece gives one result. A piece that the helper did not finish, or that gave a warning or
    an error there, is done by its parent, which so tells of it.
HP2  A process forks only while it has a single thread; and when the work ends, however it does, the
    helper is gone.
"""

import json
import os
import select
import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, starmap
from operator import attrgetter
from typing import Any, NoReturn, TypeVar

from .disk import write_all

_P = TypeVar("_P")

WORTH = 0.1  # [s] of work after which a helper is asked for
_FEW = 4  # pieces that are left, for which no helper is asked
_MOST = 4096  # numbers of pieces that wait in a pipe; its least size is 4096 bytes
_WIDTH = 2  # [bytes] of a number
_HEAD = 8  # [bytes] of the length of a result
_CHUNK = 1 << 16


def shared(
    pieces: Sequence[_P],
    work: Callable[[_P], Any],
    done: Callable[[int, Any], None],
    *,
    worth: float = WORTH,
) -> None:
    """Calls `done` with the number and the result of each piece, in the order of their ends.

    `work` must only read, and give a value that is plain JSON: it may run in a helper. That starts
    after `worth` seconds of work.
    """
    start = time.monotonic()
    for number, piece in enumerate(pieces):
        left = len(pieces) - number
        if left > _FEW and time.monotonic() - start >= worth and _may_fork():
            return _Shared(pieces, number, work, done).run()
        done(number, work(piece))


def _may_fork() -> bool:
    """Whether there is a second core, and no thread that would be missing in a child."""
    try:
        return len(os.sched_getaffinity(0)) > 1 and len(os.listdir("/proc/self/task")) == 1
    except (AttributeError, OSError):
        return False  # a system other than Linux


class _Pipe:
    """A pipe, whose ends are closed after any interruption, as those of `descriptors.Opened`."""

    __slots__ = ("__weakref__", "_held", "close")

    def __init__(self) -> None:
        self._held = held = [-1]
        self.close: partial[object] = partial(deque, map(os.close, iter(held.pop, -1)), 0)
        held.extend(chain.from_iterable(starmap(os.pipe, [()])))

    __del__ = property(attrgetter("close"))

    @property
    def reading(self) -> int:
        """The end from which bytes come."""
        return self._held[1]

    @property
    def writing(self) -> int:
        """The end into which bytes go."""
        return self._held[-1]

    def close_writing(self) -> None:
        """Closes the end into which bytes go."""
        next(map(os.close, iter(self._held.pop, -1)))

    def close_reading(self) -> None:
        """Closes the end from which bytes come."""
        os.close(self._held.pop(1))


class _Shared:
    """The pieces from one number on, which two processes take from one pipe."""

    def __init__(
        self,
        pieces: Sequence[Any],
        first: int,
        work: Callable[[Any], Any],
        done: Callable[[int, Any], None],
    ) -> None:
        self._pieces, self._work, self._done = pieces, work, done
        self._stride = -(-(len(pieces) - first) * _WIDTH // _MOST)  # pieces that are taken at once
        self._starts = range(first, len(pieces), self._stride)
        self._left = set(range(first, len(pieces)))
        self._numbers, self._results = _Pipe(), _Pipe()
        self._told = bytearray()  # by the helper, and not yet whole

    def run(self) -> None:
        numbers = (number.to_bytes(_WIDTH, "big") for number in range(len(self._starts)))
        child = 0
        try:
            os.write(self._numbers.writing, b"".join(numbers))
            self._numbers.close_writing()
            with _no_signals() as heard:
                child = os.fork() or self._help(heard)
            self._results.close_writing()
            for number in self._taken():
                self._end(number, self._work(self._pieces[number]))
                self._hear(wait=False)
            self._hear(wait=True)
        finally:
            self._numbers.close()
            self._results.close()
            if child:
                _remove(child)
        for number in sorted(self._left):
            self._end(number, self._work(self._pieces[number]))

    def _taken(self) -> Iterator[int]:
        """The numbers of the pieces that this process has taken, until none is left."""
        while taken := os.read(self._numbers.reading, _WIDTH):
            start = self._starts[int.from_bytes(taken, "big")]
            yield from range(start, min(start + self._stride, len(self._pieces)))

    def _end(self, number: int, result: Any) -> None:
        self._left.discard(number)
        self._done(number, result)

    def _help(self, heard: Collection[int]) -> NoReturn:
        """Works in the child, and ends it: what the parent wants to do at its end does not run."""
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
            self._results.close_reading()  # when the parent is killed, nobody reads: it fails here
            for number in self._taken():
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    told = json.dumps([number, self._work(self._pieces[number])]).encode()
                if not caught:
                    write_all(self._results.writing, len(told).to_bytes(_HEAD, "big") + told)
        finally:
            os._exit(0)

    def _hear(self, *, wait: bool) -> None:
        """Takes the results that the helper has told; with `wait`, until it ends."""
        results = self._results.reading
        while wait or select.select([results], [], [], 0)[0]:
            if not (more := os.read(results, _CHUNK)):
                return
            self._told += more
            while len(self._told) >= _HEAD:
                end = _HEAD + int.from_bytes(self._told[:_HEAD], "big")
                if len(self._told) < end:
                    break
                number, result = json.loads(self._told[_HEAD:end])
                del self._told[:end]
                self._end(number, result)


@contextmanager
def _no_signals() -> Iterator[set[int]]:
    """Lets no signal come inside the block; gives the mask of before.

    A handler may raise before the number of a child is noted, and in the child, which would then do
    what its parent does at its end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _remove(child: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):  # as where a user ignores SIGCHLD
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
