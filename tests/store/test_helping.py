"""A helper takes a part of some work, and is gone when the work ends."""

import os
import subprocess
import sys
import textwrap
import threading
import warnings

import pytest

from pystore.store import helping

SCRIPT = """
    import os, signal, warnings
    from pystore.store import helping

    parent, waited = os.getpid(), []
    reading, writing = os.pipe()

    def work(number):
        {work}
        return number, os.getpid() == parent

    def opened():
        return os.listdir("/proc/self/fd")

    found, before = {{}}, opened()
    helping.shared(range({count}), work, found.__setitem__, worth=0)
    assert opened() == before
    assert [n for _, (n, _) in sorted(found.items())] == [*range({count})]
    print("helped" if any(not own for _, own in found.values()) else "alone")
    try:
        os.waitpid(-1, os.WNOHANG)
        print("a child is left")
    except ChildProcessError:
        pass
"""
WAITS = """
        if os.getpid() != parent:
            os.write(writing, b".")
        elif not waited:
            waited.append(os.read(reading, 1))  # until the helper has a piece
"""

NEEDS_TWO = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="a helper needs a second core",
)


def run(work: str, count: int = 50) -> str:
    """What a fresh process with one thread says of its work."""
    script = textwrap.dedent(SCRIPT.format(work=work.strip(), count=count))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@NEEDS_TWO
@pytest.mark.parametrize("count", [50, 5000])
def test_HP1_each_piece_gives_one_result(count):
    assert run(WAITS, count) == "helped"


@NEEDS_TWO
@pytest.mark.parametrize(
    "fault",
    ["os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)", "1 / 0", "warnings.warn('odd')"],
    ids=["exit", "kill", "error", "warning"],
)
def test_HP1_what_the_helper_does_not_finish_is_done_by_its_parent(fault):
    assert run(f"if os.getpid() != parent: {fault}") == "alone"


def test_HP2_a_process_with_threads_works_alone():
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        found: dict[int, int] = {}
        helping.shared(range(20), lambda number: os.getpid(), found.__setitem__, worth=0)
    finally:
        ended.set()
        thread.join()
    assert set(found.values()) == {os.getpid()}


def test_HP1_warnings_and_errors_reach_the_caller():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        helping.shared(
            range(9), lambda number: warnings.warn("odd", stacklevel=1), lambda *_: None, worth=0
        )
    assert len(caught) == 9
    with pytest.raises(ZeroDivisionError):
        helping.shared(range(9), lambda number: 1 // number, lambda *_: None, worth=0)
