"""A helper takes a part of some work, and is gone when the work ends."""

import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from contextlib import suppress

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


KILLED = """
    import os, signal
    from pystore.store import helping

    parent, told = os.getpid(), []

    def work(number):
        if os.getpid() == parent:
            signal.pause()
        elif not told:
            told.append(number)
            print(os.getpid(), flush=True)
        return "x" * 5000

    helping.shared(range(500), work, lambda *_: None, worth=0)
"""


@NEEDS_TWO
def test_HP2_the_helper_of_a_killed_process_ends():
    script = [sys.executable, "-c", textwrap.dedent(KILLED)]
    with subprocess.Popen(script, stdout=subprocess.PIPE) as parent:
        helper = int(parent.stdout.readline())
        parent.kill()
        try:
            ended, _, _ = select.select([parent.stdout], [], [], 30)  # both had it open
            assert ended
            assert parent.stdout.read() == b""
        finally:
            with suppress(ProcessLookupError):
                os.kill(helper, signal.SIGKILL)


PRESSED = """
    import os, signal
    from pystore.store import helping

    fork = os.fork

    def pressed():
        child = fork()
        signal.raise_signal(signal.SIGINT)
        return child

    os.fork = pressed
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        helping.shared(range(500), lambda number: number, lambda *_: None, worth=0)
    except KeyboardInterrupt:
        try:
            os.waitpid(-1, 0)
            print("a child is left")
        except ChildProcessError:
            print("interrupted")
"""


@NEEDS_TWO
def test_HP2_ctrl_c_right_after_the_fork_leaves_no_helper():
    script = [sys.executable, "-c", textwrap.dedent(PRESSED)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "interrupted\n"


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
    assert [str(one.message) for one in caught].count("odd") == 9
    with pytest.raises(ZeroDivisionError):
        helping.shared(range(9), lambda number: 1 // number, lambda *_: None, worth=0)
