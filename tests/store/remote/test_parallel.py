"""Several threads that carry things: in order, few at a time, and given up when they hang."""

import subprocess
import sys
import threading
import time

import pytest
from project import importing

from pystore.errors import FetchError
from pystore.store.remote.parallel import each, in_time


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("patience", [None, 60])
def test_PR1_results_come_in_the_order_of_the_items(workers, patience):
    def slow_at_first(number):
        time.sleep(0.02 if number < 3 else 0)
        return number**2

    done = list(each(slow_at_first, range(30), workers, patience))
    assert done == [(number, number**2) for number in range(30)]


def test_PR1_few_items_are_under_way_at_a_time():
    taken, most = [], 0

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    for done, _ in enumerate(each(lambda number: number, items(), 4, 60)):
        most = max(most, len(taken) - done)
    assert len(taken) == 100
    assert most <= 4 + 3


def test_an_error_comes_in_the_place_of_its_result():
    def work(number):
        if number == 2:
            raise ValueError("two")
        return number

    done = []
    with pytest.raises(ValueError, match="two"):
        for _, result in each(work, range(9), 3):
            done.append(result)
    assert done == [0, 1]


def test_PR2_what_takes_too_long_is_given_up():
    never = threading.Event()
    start = time.monotonic()
    with pytest.raises(FetchError, match="in time") as caught:
        in_time(lambda: never.wait(60), 0.05)
    assert time.monotonic() - start < 10
    assert caught.value.waited == "0.05 s"
    never.set()
    assert in_time(lambda: 7, 60) == 7


def test_PR2_what_was_given_up_keeps_no_program_from_ending():
    program = """
from time import sleep
from pystore.errors import FetchError
from pystore.store.remote.parallel import in_time
try:
    in_time(lambda: sleep(300), 0.05)
except FetchError:
    print("given up")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=importing(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "given up\n"
