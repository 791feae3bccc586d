"""Interrupts that are put off: none cuts the block, and none is lost."""

import signal
import threading
from concurrent.futures import Future

import pytest

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

    presser = threading.Thread(target=press)
    presser.start()
    try:
        for _ in range(500):
            future, came = Future(), len(heard)
            try:
                wanted.release()
                while len(heard) == came:
                    with deferred():
                        future.done()
            except KeyboardInterrupt:
                assert _is_free(future)
    finally:
        over.set()
        wanted.release()
        presser.join()
    assert len(heard) == 500


def _is_free(future):
    """Whether another thread can end the future."""
    ended = threading.Thread(target=future.set_result, args=(1,), daemon=True)
    ended.start()
    ended.join(30)
    return future.done() if not ended.is_alive() else False
