"""Ctrl-C in a terminal: what runs may finish; again, and it is stopped."""

import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import deeds
import pexpect
import pytest
from fifos import Fifo, gone

from pystore import Derivation, Workers, match_latest, realize, verify
from pystore.core.context import Context
from pystore.errors import Interrupted
from pystore.run.loop import Loop

INTERRUPTED = """
import os, signal, sys
def hear(*facts):
    os.write(1, b"heard")
    signal.default_int_handler(*facts)
signal.signal(signal.SIGINT, hear)
sys.path.insert(0, sys.argv[1])
import deeds
from pystore import Store, realize
store, fifos = Store(sys.argv[2], durable=False), sys.argv[3:]
targets = [deeds.waits(str(n), fifos[2 * n], fifos[2 * n + 1]) for n in range(2)]
print("ready", flush=True)
realize([*targets, *(deeds.number(n) for n in range(100))], store=store, workers=2)
"""


class Terminal:
    """A terminal in which two stages run, and many more are to follow."""

    def __init__(self, place: Path, fifo: Callable[[str], Fifo]) -> None:
        ups, self.downs = [[fifo(f"{way}-{n}") for n in range(2)] for way in ("up", "down")]
        fifos = [f.path for pair in zip(ups, self.downs, strict=True) for f in pair]
        arguments = ["-c", INTERRUPTED, str(Path(deeds.__file__).parent), str(place), *fifos]
        self.program = pexpect.spawn(sys.executable, arguments, timeout=60, encoding="utf-8")
        self.pids = [pid for up in ups for pid in up.heard()]

    def says(self) -> str:
        """All that it says until its end."""
        text = self.program.read()
        self.program.close()
        assert gone(*self.pids)
        return text


@pytest.fixture
def terminal(tmp_path, fifo):
    return Terminal(tmp_path / "store", fifo)


def outcomes(store):
    return [(dref.name, a.outcome) for dref in store.drefs() for a in store.attempts(dref)]


def test_ctrl_c_lets_what_runs_finish_and_starts_nothing_new(terminal, store):
    terminal.program.sendintr()
    terminal.program.expect("heard")
    for down in terminal.downs:
        down.say()
    assert "KeyboardInterrupt" in terminal.says()
    assert list(store.root.glob("tmp/*")) == [], "the workers have ended in order"
    assert outcomes(store) == [("waits", "succeeded")] * 2
    assert verify(store=store).sound


def test_ctrl_c_again_stops_at_once(terminal, store):
    terminal.program.sendintr()
    while terminal.program.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=1):
        terminal.program.sendintr()
    assert "KeyboardInterrupt" in terminal.program.before
    assert gone(*terminal.pids)
    assert outcomes(store) == [("waits", "stopped")] * 2
    assert verify(store=store).sound


def test_a_call_that_is_asked_twice_to_stop_stops_at_once(store, fifo):
    up, down = fifo("up"), fifo("down")
    started = threading.Event()

    def listen():
        up.heard()
        started.set()

    listener = threading.Thread(target=listen)
    listener.start()
    with pytest.raises(Interrupted):
        realize(
            deeds.waits("it", up.path, down.path),
            store=store,
            workers=1,
            stop=lambda: 2 * started.is_set(),
        )
    listener.join()
    assert outcomes(store) == [("waits", "stopped")]


class OutOfTime(RuntimeError):
    """What the handler of a user raises."""


class InThreads(ThreadPoolExecutor):
    """Threads of this process, where a signal comes while a job is sent."""

    def submit(self, *args, **kwargs):
        sent = super().submit(*args, **kwargs)
        signal.raise_signal(signal.SIGALRM)
        return sent


class Elsewhere(Executor):
    """The same in an executor of which nothing is known."""

    def __init__(self):
        self.threads = InThreads(1)

    def submit(self, *args, **kwargs):
        return self.threads.submit(*args, **kwargs)

    def shutdown(self, *args, **kwargs):
        self.threads.shutdown(*args, **kwargs)


class InWorkers(Workers):
    """The same in worker processes."""

    def start(self, *args, **kwargs):
        sent = super().start(*args, **kwargs)
        signal.raise_signal(signal.SIGALRM)
        return sent


@pytest.mark.parametrize("make", [lambda: InThreads(1), Elsewhere, lambda: InWorkers(1)],
                         ids=["threads", "elsewhere", "workers"])  # fmt: skip
def test_what_a_handler_raises_while_a_job_is_sent_is_no_fault_of_the_executor(store, make):
    def raise_it(number, frame):
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, raise_it)
    try:
        with make() as executor, pytest.raises(OutOfTime):
            realize(deeds.number(1), store=store, executor=executor)
    finally:
        signal.signal(signal.SIGALRM, before)


class PressedInside:
    """A lock; Ctrl-C comes while it is held."""

    def __init__(self, lock):
        self.lock, self.presses = lock, [signal.SIGINT]

    def __enter__(self):
        self.lock.acquire()
        if threading.current_thread() is threading.main_thread() and self.presses:
            signal.raise_signal(self.presses.pop())

    def __exit__(self, *_):
        self.lock.release()


@pytest.mark.parametrize("end", [Workers.shutdown, Workers.kill])
def test_WP2_ctrl_c_at_the_end_of_a_pool_leaves_no_worker(end):
    pool = Workers(1)
    pid = pool.submit(deeds.pid).result()
    pool._guard = PressedInside(pool._guard)
    with pytest.raises(KeyboardInterrupt):
        end(pool)
    pool._foreman.join(60)
    assert not pool._foreman.is_alive()
    assert gone(pid)


def test_an_interruption_at_the_very_end_of_a_call_keeps_no_lock(store, monkeypatch):
    take_back, calls = Loop._take_back, []

    def pressed(loop):
        calls.append(take_back(loop))
        if len(calls) > 1:
            raise KeyboardInterrupt
        return calls[-1]

    monkeypatch.setattr(Loop, "_take_back", pressed)
    begun, over = threading.Event(), threading.Event()

    def work(b):
        begun.set()
        over.wait(60)
        (b.outpath / "f").touch()

    made = Derivation({"name": "x"}, match_latest(), work)
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(KeyboardInterrupt) as told:  # a notebook keeps it, too
            realize(made, store=store, executor=executor, stop=begun.is_set)
        over.set()
    assert (len(calls), told.type) == (2, KeyboardInterrupt)
    assert store.lock(made.dref, Context()).acquire(0.0)


def test_ctrl_c_right_after_an_attempt_in_this_thread_is_told_as_it_is(store, monkeypatch):
    """It comes where the future of the attempt calls those who wait for it."""
    plain: Any = Future
    invoke, pressed = plain._invoke_callbacks, []

    def press(future):
        if future._done_callbacks and not pressed:
            pressed.append(future)
            signal.raise_signal(signal.SIGINT)
        invoke(future)

    monkeypatch.setattr(Future, "_invoke_callbacks", press)
    with pytest.raises(KeyboardInterrupt):
        realize(deeds.number(1), store=store)
    assert outcomes(store) == [("number", "succeeded")]
