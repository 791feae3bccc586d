"""Interrupts that are put off: none cuts the block, and none is lost."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from typing import Any

import pytest
from interrupting import pressed_in_a_lock
from project import importing

from pystore.core.context import Context
from pystore.core.refs import DRef
from pystore.run import interrupts
from pystore.run.holding import Holding
from pystore.run.interrupts import deferred


@pytest.fixture
def heard():
    """The signals that a handler has heard, which raises as that of Ctrl-C does."""
    heard = []

    def hear(number, frame):
        heard.append(number)
        raise KeyboardInterrupt(len(heard))

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


def test_DH1_a_signal_is_handled_when_the_block_has_ended(heard):
    done = []
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("the rest")
        assert heard == []
    assert (heard, done) == ([signal.SIGINT], ["the rest"])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_DH1_each_of_several_signals_is_handled(heard):
    with pytest.raises(KeyboardInterrupt) as last, deferred():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
    assert heard == [signal.SIGINT, signal.SIGTERM, signal.SIGINT]
    assert last.value.args == (3,)


def test_DH1_a_block_that_fails_is_told_beside_the_signal(heard):
    with pytest.raises(KeyboardInterrupt) as told, deferred():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("of the block")
    assert isinstance(told.value.__context__, ValueError)


def test_DH1_blocks_may_stand_inside_of_each_other(heard):
    with pytest.raises(KeyboardInterrupt), deferred():
        with deferred():
            signal.raise_signal(signal.SIGINT)
        assert heard == []
    assert heard == [signal.SIGINT]


def test_DH1_a_forked_process_handles_its_signals_at_once(heard):
    """An executor may fork its workers when it is given the first job."""
    with deferred(), deferred():
        child = os.fork()
        if not child:
            try:
                signal.raise_signal(signal.SIGINT)
                os._exit(1)
            except KeyboardInterrupt:
                os._exit(7)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    assert heard == []


def test_DH2_a_long_block_is_cut_by_the_next_signal(heard, monkeypatch):
    now = iter([0.0, 1.0, interrupts._SHORT])
    monkeypatch.setattr(interrupts, "monotonic", lambda: next(now))
    done = []
    with pytest.raises(KeyboardInterrupt) as last, deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("the first is put off")
        signal.raise_signal(signal.SIGTERM)
        done.append("never")
    assert (heard, done) == ([signal.SIGINT, signal.SIGTERM], ["the first is put off"])
    assert last.value.args == (2,)


def test_DH1_the_alarm_of_a_user_is_put_off(heard):
    done = []
    before = signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGINT))
    try:
        with pytest.raises(KeyboardInterrupt), deferred():
            signal.raise_signal(signal.SIGALRM)
            done.append("the rest")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert (heard, done) == ([signal.SIGALRM], ["the rest"])


EMBEDDED = """
import _thread
import sys
done, told = _thread.allocate_lock(), []
done.acquire()

def first():
    try:
        import threading
        from pystore.run.interrupts import deferred
        with deferred():
            takes_itself_for_it = threading.current_thread() is threading.main_thread()
            told.append(takes_itself_for_it or sys.version_info >= (3, 13))
    finally:
        done.release()

assert "threading" not in sys.modules
_thread.start_new_thread(first, ())
done.acquire()
assert told == [True], told
"""


def test_a_thread_that_only_takes_itself_for_the_main_one_is_left_alone():
    """As where a program that embeds Python has imported it in a thread of its own."""
    subprocess.run([sys.executable, "-S", "-c", EMBEDDED], check=True, env=importing())


def test_a_default_handler_and_another_thread_are_left_alone():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with deferred():
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
            seen = []
            thread = threading.Thread(target=lambda: seen.append(_handler_inside()))
            thread.start()
            thread.join()
            assert seen == [signal.getsignal(signal.SIGINT)]
    finally:
        signal.signal(signal.SIGTERM, before)


def _handler_inside():
    with deferred():
        return signal.getsignal(signal.SIGINT)


def test_no_signal_leaves_a_future_locked(heard):
    main, over = threading.main_thread().ident, threading.Event()
    wanted = threading.Semaphore(0)

    def press():
        while wanted.acquire() and not over.is_set():
            signal.pthread_kill(main, signal.SIGINT)

    def ask(future, came):
        """Python 3.13 may leave a `try` by a signal that comes where a loop in it jumps back."""
        while len(heard) == came:
            with deferred():
                future.done()

    presser = threading.Thread(target=press)
    presser.start()
    try:
        for _ in range(500):
            future, came = Future(), len(heard)
            try:
                wanted.release()
                ask(future, came)
            except KeyboardInterrupt:
                assert _is_free(future)
    finally:
        over.set()
        wanted.release()
        presser.join()
    assert len(heard) == 500


class _Lock:
    """A lock of a store."""

    released = False

    def acquire(self, patience):
        return True

    def release(self):
        self.released = True


class _Locks:
    """A store, as far as it has locks."""

    id = "store"

    def __init__(self, *locks):
        self._locks = [*locks]

    def lock(self, dref, context):
        return self._locks.pop(0)


def test_no_signal_at_the_end_of_a_call_leaves_a_future_locked_or_a_lock_held(heard):
    one, other = _Lock(), _Lock()
    locks: Any = _Locks(one, other)
    holding = Holding(locks)
    with pressed_in_a_lock() as pressed:
        future = Future()
        for name in ("one", "other"):
            holding.take(DRef.of("0" * 32, name), Context(), 0.0)
        with pytest.raises(KeyboardInterrupt):
            holding.end([(DRef.of("0" * 32, "one"), future)])
    assert pressed == [future]
    assert other.released
    assert _is_free(future)
    assert one.released


def _is_free(future):
    """Whether another thread can end the future."""
    ended = threading.Thread(target=future.set_result, args=(1,), daemon=True)
    ended.start()
    ended.join(60)
    return future.done() if not ended.is_alive() else False
