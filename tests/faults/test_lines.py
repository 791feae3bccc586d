"""Interruptions at every line between a lock and its release: nothing stays held (S6, D1)."""

import fcntl
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from figures import figure

import pystore as ps
from pystore import Context, Derivation, match_latest
from pystore.declare import nesting
from pystore.run import dispatch
from pystore.store import locks

PACKAGE = os.path.dirname(ps.__file__) + os.sep

Line = tuple[str, int]  # file, line


def fill(out: Path) -> None:
    (out / "small.txt").write_text("1\n")
    (out / "large.bin").write_bytes(b"x" * 9000)
    (out / "empty").mkdir(exist_ok=True)


INPUT = Derivation({"name": "input"}, match_latest(), lambda b: fill(b.outpath))
STAGE = Derivation({"name": "stage", "in": INPUT}, match_latest(), lambda b: fill(b.outpath))


def protocol(store: ps.Store) -> None:
    """What a build asks of a store, without what makes good for an interruption."""
    lock = store.lock(INPUT.dref, Context({}))
    assert lock.acquire(5.0)
    try:
        staged = store.begin(INPUT.config, Context({}))
        store.scratch(staged)
        fill(staged.out)
        store.commit(staged)
    finally:
        lock.release()


def realize(store: ps.Store) -> None:
    ps.realize(STAGE, store=store, force_rebuild=True, lock_timeout=5.0)


class Interrupter:
    """Raises KeyboardInterrupt at the first line that it has not seen yet."""

    def __init__(self) -> None:
        self.seen: set[Line] = set()
        self.at: Line | None = None

    def run(self, work: Callable[[], None]) -> None:
        """Does the work in a thread of its own.

        In Python 3.11, a thread keeps an exception that it handles when its tracer raises.
        """
        self.at = None
        thread = threading.Thread(target=self._traced, args=[work])
        thread.start()
        thread.join()

    def _traced(self, work: Callable[[], None]) -> None:
        sys.settrace(self._frame)
        try:
            work()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)

    def _frame(self, frame: FrameType, event: str, argument: Any) -> Any:
        ours = frame.f_code.co_filename.startswith(PACKAGE)
        return self._line if ours and self.at is None else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        line = frame.f_code.co_filename, frame.f_lineno
        if event == "line" and self.at is None and line not in self.seen:
            self.seen.add(line)
            self.at = line
            sys.settrace(None)
            raise KeyboardInterrupt
        return self._line


def descriptors(root: Path) -> set[str]:
    """What this process has open in a store, but for its own session."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            continue  # the descriptor of the listing
    return {path for path in found if path.startswith(str(root)) and "/live-" not in path}


def locked(root: Path) -> set[str]:
    """The locks of a store that somebody holds."""
    found = set()
    for path in (root / "locks").iterdir():
        with path.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.add(path.name)
    return found


@pytest.mark.parametrize(("what", "work", "least"), [
    ("acquire, begin, commit, release", protocol, 300),
    ("realize", realize, 600),
])  # fmt: skip
def test_FD1_an_interruption_at_any_line_leaves_nothing_held(area, what, work, least):
    root = area / work.__name__
    store = ps.Store(root, durable=False)
    ps.realize(STAGE, store=store)
    interrupter, left = Interrupter(), []
    while True:
        interrupter.run(lambda: work(store))
        if interrupter.at is None:
            break  # every line has had its turn
        gc.collect()
        if held := descriptors(root) | locked(root):
            left.append((interrupter.at, held))
    assert left == []
    assert len(interrupter.seen) >= least
    figure(f"Ctrl-C at each line of {what}", "nothing held", f"{len(interrupter.seen)} lines")
    ps.realize(STAGE, store=store, force_rebuild=True, lock_timeout=5.0)
    assert ps.verify(store).sound
    assert store.parts.session.running is False


# --- signal handlers that raise --------------------------------------------------------


class Late(Exception):
    """What a handler raises, as those of time limits do."""


def raising(*_: object) -> None:
    raise Late


def interrupt_at(code: CodeType, event: str) -> None:
    """Sends a signal to this thread when a function is called, or returns, for the first time."""

    def heard(frame: FrameType, what: str, argument: Any) -> None:
        if what == event and frame.f_code is code:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGUSR1)

    sys.setprofile(heard)


PLACES = {
    "the attempt settles": (dispatch._settle, "call"),
    "the attempt has settled": (dispatch._settle, "return"),
    "the executor returns": (dispatch.SerialExecutor.submit, "return"),
    "a place is left": (nesting.inside.__wrapped__, "return"),  # type: ignore[attr-defined]
    "a lock is taken": (locks.BuildLock.acquire, "return"),
    "a lock is given up": (locks.BuildLock.release, "call"),
    "a claim was made": (locks.claim_folder, "return"),
    "an attempt has begun": (ps.Store.begin, "return"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", PLACES)
def test_S6_a_handler_that_raises_ends_the_call_and_spoils_no_later_one(store, place):
    function, event = PLACES[place]
    old = signal.signal(signal.SIGUSR1, raising)
    try:
        interrupt_at(function.__code__, event)
        with pytest.raises((Late, ps.errors.BuildError)):
            ps.realize(STAGE, force_rebuild=True)
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGUSR1, old)
    gc.collect()
    assert descriptors(store.root) | locked(store.root) == set()
    rref = ps.realize(STAGE, force_rebuild=True, lock_timeout=1.0)
    assert ps.gc([rref], dry_run=False).removed
    assert ps.verify().sound
