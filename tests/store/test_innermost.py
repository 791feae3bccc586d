"""Innermost: the value of the innermost block, in each thread and task."""

import gc
import threading

import pytest

from pystore.store.innermost import Innermost


@pytest.fixture
def innermost() -> Innermost[str]:
    return Innermost("of a test")


def test_the_innermost_block_counts_and_then_the_one_around(innermost):
    assert innermost.get() is None
    with innermost.using("outer"):
        with innermost.using("inner") as value:
            assert (value, innermost.get()) == ("inner", "inner")
        assert innermost.get() == "outer"
    assert innermost.get() is None


def test_a_block_ends_when_it_raises(innermost):
    with pytest.raises(ValueError), innermost.using("outer"):
        raise ValueError
    assert innermost.get() is None


def test_a_block_whose_end_was_interrupted_counts_no_more(innermost):
    with innermost.using("outer"):
        block = innermost.using("inner")
        block.__enter__()
        assert innermost.get() == "inner"
        del block  # as when Ctrl-C comes before it can say that it ends
        gc.collect()
        assert innermost.get() == "outer"


def test_a_thread_of_its_own_is_in_no_block(innermost):
    found = []
    with innermost.using("outer"):
        thread = threading.Thread(target=lambda: found.append(innermost.get()))
        thread.start()
        thread.join()
    assert found == [None]
