"""Calls in several threads: all are made, and errors come back."""

import _thread
import os
import sys
import threading
import time

import pytest
from interrupting import interrupted

from pystore.store import in_threads
from pystore.store.in_threads import each


@pytest.mark.parametrize("helpers", [0, 2, 50])
def test_ET1_each_item_is_acted_on_once(helpers):
    done = []
    each(range(20), done.append, helpers)
    assert sorted(done) == list(range(20))


def test_helpers_act_beside_the_caller():
    both = threading.Barrier(2, timeout=60)
    each(range(2), lambda _: both.wait(), 1)
    assert not both.broken


@pytest.mark.parametrize("helpers", [0, 2])
def test_ET1_an_error_is_raised(helpers):
    def fails(number):
        if number == 3:
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        each(range(20), fails, helpers)


def test_ET1_who_raises_has_waited_for_the_helper():
    caller, both = threading.get_ident(), threading.Barrier(2, timeout=60)
    raising, ended = threading.Event(), []

    def act(number):
        both.wait()
        if threading.get_ident() == caller:
            raising.set()
            raise OSError("no")
        raising.wait(60)
        ended.append(sum(range(100_000)))

    with pytest.raises(OSError, match="no"):
        each(range(2), act, 1)
    assert len(ended) == 1


def test_ET1_where_no_thread_can_start_the_caller_does_all(monkeypatch):
    def refuses(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuses)
    done = []
    each(range(5), done.append, 4)
    assert done == [0, 1, 2, 3, 4]


class Stop(BaseException):
    """Raised by a signal handler."""


def test_ET2_an_interruption_leaves_no_thread_that_waits():
    end = time.monotonic() + 60
    interrupted(lambda: each(range(6), len_of, 3), 300, 0.001, Stop)
    while helpers() and time.monotonic() < end:
        os.sched_yield()
    assert helpers() == []


def test_a_helper_that_waits_is_seen():
    go_on, seen = threading.Event(), []

    def act(number):
        if threading.current_thread() is threading.main_thread():
            while not seen:
                seen.extend(helpers())
            go_on.set()
        else:
            go_on.wait(60)

    each(range(2), act, 1)
    assert len(seen) == 1


def helpers() -> list[int]:
    """The threads that help out now, whatever other threads there are."""
    own, found = threading.get_ident(), []
    for number, top in sys._current_frames().items():
        frame = top
        while frame is not None and frame.f_code.co_filename != in_threads.__file__:
            frame = frame.f_back
        if frame is not None and number != own:
            found.append(number)
    return found


def len_of(number):
    return len(str(number))
