"""The thread that looks after running attempts: it writes what they told, and stops them."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from project import importing

import pystore as ps
from pystore import Derivation, match_latest
from pystore.core.attempt import Attempt
from pystore.errors import Interrupted
from pystore.run.attendant import StopRequested
from pystore.store import disk
from pystore.store.stopping import ask_to_stop

_PATIENCE = 60.0  # [s]


def until(is_so: Callable[[], Any]) -> Any:
    """What is so, as soon as it is."""
    end = time.monotonic() + _PATIENCE
    while not (found := is_so()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def running(store) -> list[Attempt]:
    return [one for one in store.unfinished() if one.outcome == "running"]


def telling(store) -> list[Attempt]:
    """Those that run and have told a metric: their scratch is there."""
    return [one for one in running(store) if one.metrics]


def long(b):
    """Trains for ever, in many short steps."""
    (ps.build_scratch(b) / "checkpoint").write_text("1")
    ps.build_metric(b, "loss", 0.5, step=0)
    while True:
        time.sleep(0.01)


LONG = Derivation({"name": "long"}, match_latest(), long)


def test_AW1_the_last_of_many_is_written_though_nothing_more_is_told(store):
    def train(b):
        for step in range(500):
            ps.build_metric(b, "loss", 1.0, step=step)
        ps.build_progress(b, 3, 10, "epochs")
        (attempt,) = running(store)
        until(lambda: len(store.trace(attempt)) == 500)
        assert until(lambda: store.told(attempt).progress) == (3, 10, "epochs")

    ps.realize(Derivation({}, match_latest(), train))


PROGRAM = """
    import sys, time, pystore as ps
    from pystore import Derivation, match_latest

    def long(b):
        (ps.build_scratch(b) / "checkpoint").write_text("1")
        ps.build_metric(b, "loss", 0.5, step=0)
        {wait}

    with ps.Store(sys.argv[1], durable=False).use():
        ps.realize(Derivation({{"name": "long"}}, match_latest(), long))
"""


@pytest.mark.parametrize(
    ("ignored", "wait"),
    [
        ("", "time.sleep(1000)"),
        ("", "while True: time.sleep(0.01)"),
        ("trap '' INT; ", "while True: time.sleep(0.01)"),
    ],
    ids=["in a call of the system", "in Python", "where Ctrl-C is ignored"],
)
def test_AW2_the_attempt_of_a_program_is_stopped_as_by_ctrl_c(store, ignored, wait):
    script = textwrap.dedent(PROGRAM).format(wait=wait)
    words = ["sh", "-c", f'{ignored}exec "$@"', "sh", sys.executable, "-c", script]
    program = subprocess.Popen([*words, str(store.root)], stderr=subprocess.PIPE, env=importing())
    with program:
        (attempt,) = until(lambda: telling(store))
        ask_to_stop(store, attempt, "a test")
        assert program.wait(_PATIENCE) != 0
    (stopped,) = ps.attempts(LONG.dref)
    assert (stopped.outcome, stopped.metrics) == ("stopped", {"loss": 0.5})
    assert stopped.notes["stopped by"] == "a test"
    assert store.trace(stopped) == [(0, "loss", 0.5)]
    assert (store.beside(stopped, "scratch") / "checkpoint").exists()


def asked(store) -> threading.Thread:
    """A thread that asks the first attempt that runs to stop."""

    def ask() -> None:
        (attempt,) = until(lambda: telling(store))
        ask_to_stop(store, attempt, "a test")

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_AW2_the_attempt_of_a_thread_is_stopped(store):
    thread = asked(store)
    with ThreadPoolExecutor(1) as pool, pytest.raises(StopRequested):
        ps.realize(LONG, executor=pool)
    thread.join()
    (stopped,) = ps.attempts(LONG.dref)
    assert (stopped.outcome, stopped.notes["stopped by"]) == ("stopped", "a test")


def test_AW2_the_attempt_of_a_worker_is_stopped_and_not_tried_again(store):
    def sleeps(b):
        ps.build_metric(b, "loss", 0.5, step=0)
        time.sleep(1000)

    derivation = Derivation({"name": "sleeps"}, match_latest(), sleeps)
    thread = asked(store)
    with pytest.raises(Interrupted, match="an attempt was stopped"):
        ps.realize(derivation, workers=1, retries=3)
    thread.join()
    (stopped,) = ps.attempts(derivation.dref)
    assert (stopped.outcome, stopped.metrics) == ("stopped", {"loss": 0.5})


def test_AW3_the_next_attempt_is_not_stopped(store):
    thread = asked(store)
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(StopRequested):
            ps.realize(LONG, executor=pool)
        thread.join()
        rref = ps.realize(Derivation({"name": "long"}, match_latest(), lambda b: None))
        assert pool.submit(lambda: 3).result() == 3
    assert [a.outcome for a in ps.attempts(rref.dref)] == ["stopped", "succeeded"]


def test_AW3_RQ1_a_request_for_another_attempt_stops_nothing(store):
    def train(b):
        (attempt,) = running(store)
        ask_to_stop(store, attempt, "a test")
        folder = store.parts.layout.attempts(b.config.dref)
        (name,) = [n for n in os.listdir(folder) if n.endswith(".stop")]
        text = disk.read(f"{folder}/{name}").replace(b'"staging": "', b'"staging": "f')
        disk.put(f"{folder}/{name}", text, tmp=store.root / "tmp", durable=False)
        ps.build_progress(b, 1)
        until(lambda: store.told(attempt).progress)  # the thread has looked by now

    (attempt,) = ps.attempts(ps.realize(Derivation({}, match_latest(), train)))
    assert attempt.succeeded


FORKS = """
    import os, sys, threading
    seen = []
    os.register_at_fork(before=lambda: seen.append([t.name for t in threading.enumerate()]))
    import pystore as ps
    from pystore import Derivation, match_latest
    from pystore.run import attendant

    attendant._PATIENCE = 60.0  # on a busy machine, a thread needs more than a second to end

    def forks(b):
        print([t.name for t in threading.enumerate()])
        for _ in range(20):
            if (pid := os.fork()) == 0:
                os._exit(0)
            os.waitpid(pid, 0)
        print([t.name for t in threading.enumerate()])

    with ps.Store(sys.argv[1], durable=False).use():
        ps.realize(Derivation({}, match_latest(), forks))
    print(sorted({name for names in seen for name in names}))
"""


def test_AW4_there_is_no_thread_while_a_process_forks(store):
    command = [sys.executable, "-c", textwrap.dedent(FORKS), str(store.root)]
    done = subprocess.run(command, capture_output=True, text=True, env=importing(), check=True)
    both = "['MainThread', 'pystore-attendant']"
    assert done.stdout.splitlines() == [both, both, "['MainThread']"]


def test_AW4_the_thread_ends_when_nothing_runs(store):
    def names() -> set[str]:
        return {thread.name for thread in threading.enumerate()}

    seen: list[set[str]] = []
    ps.realize(Derivation({}, match_latest(), lambda b: seen.append(names())))
    assert "pystore-attendant" in seen[0]
    until(lambda: "pystore-attendant" not in names())
    ps.realize(Derivation({"again": True}, match_latest(), lambda b: seen.append(names())))
    assert "pystore-attendant" in seen[1]
