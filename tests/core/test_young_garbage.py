"""Young garbage: what alone is collected while very many objects are made that stay."""

import gc
import threading

import pytest

from pystore.core.young_garbage import collect_young_only


@pytest.fixture(autouse=True)
def thresholds():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_thresholds_are_those_of_before_at_the_end():
    gc.set_threshold(500, 7, 9)
    with collect_young_only():
        young, middle, old = gc.get_threshold()
        assert (young, middle) == (500, 7)
        assert old > 10**9
    assert gc.get_threshold() == (500, 7, 9)
    with pytest.raises(KeyError), collect_young_only():
        raise KeyError
    assert gc.get_threshold() == (500, 7, 9)


def test_a_program_that_has_no_collections_gets_none():
    gc.set_threshold(0, 7, 9)
    with collect_young_only():
        assert gc.get_threshold()[0] == 0
    assert gc.get_threshold() == (0, 7, 9)


def test_two_threads_leave_the_thresholds_as_they_were():
    gc.set_threshold(500, 7, 9)
    first_is_in, second_is_out = threading.Event(), threading.Event()

    def first():
        with collect_young_only():
            first_is_in.set()
            second_is_out.wait(60)

    thread = threading.Thread(target=first)
    thread.start()
    first_is_in.wait(60)
    with collect_young_only():
        pass
    second_is_out.set()
    thread.join()
    assert gc.get_threshold() == (500, 7, 9)
    inner = collect_young_only()
    with collect_young_only():
        inner.__enter__()
    assert gc.get_threshold() == (500, 7, 9)
    inner.__exit__(None, None, None)
    assert gc.get_threshold() == (500, 7, 9)
