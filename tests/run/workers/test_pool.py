"""Workers as an executor: each task alone, nothing left behind."""

import atexit
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, wait
from pathlib import Path

import deeds
import pytest
from fifos import gone

from pystore import Workers, attempts, realize
from pystore.core.resources import Resources
from pystore.errors import BadStage, BuildError, TimedOut, WorkerDied
from pystore.run.workers.worker_process import WorkerProcess
from pystore.store.locks import BuildLock


@pytest.fixture(scope="module")
def pool():
    pool = Workers(2)
    yield pool
    pool.kill()


def test_results_come_in_the_order_of_the_calls(pool):
    assert list(pool.map(deeds.square, range(20))) == [n * n for n in range(20)]


def test_workers_are_kept_from_task_to_task_and_are_as_many_as_asked_for(pool):
    pids = {pool.submit(deeds.pid).result() for _ in range(10)}
    assert len(pids) <= 2
    assert os.getpid() not in pids


def test_lambdas_closures_and_partials_travel(pool):
    by = 7
    assert pool.submit(lambda n: n * by, 6).result() == 42


def test_an_exception_keeps_its_class_and_tells_where_it_was_raised(pool):
    def inner():
        raise ValueError("because")

    with pytest.raises(ValueError, match="because") as caught:
        pool.submit(inner).result()
    assert "in inner" in str(caught.value.__cause__)


def test_an_exception_that_cannot_travel_says_what_it_said(pool):
    with pytest.raises(BuildError, match=r"Odd was raised[^\n]*\n.*very odd"):
        pool.submit(deeds.odd).result()


@pytest.mark.parametrize("value", [lambda: threading.Lock(), deeds.unreadable])
def test_a_value_that_cannot_travel_is_an_error_of_its_task(pool, value):
    with pytest.raises((TypeError, BuildError)):
        pool.submit(value).result()
    assert pool.submit(deeds.square, 3).result() == 9


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_WP1_a_worker_that_dies_fails_its_own_task_and_no_other(pool, fifo, how):
    up, down = fifo("up"), fifo("down")
    other = pool.submit(deeds.meet, up.path, down.path)
    (pid,) = up.heard()
    with pytest.raises(WorkerDied, match="died") as caught:
        pool.submit(deeds.die, how).result()
    assert how.name in str(caught.value)
    down.say()
    assert other.result() == pid


def test_WP1_an_attempt_given_to_a_worker_that_is_dying_is_given_to_another(store):
    with Workers(1) as pool:
        pid = pool.submit(deeds.pid).result()
        os.kill(pid, signal.SIGSTOP)  # it is there, and reads nothing any more
        wanted = threading.Thread(
            target=realize, args=(deeds.number(3),), kwargs={"executor": pool, "store": store}
        )
        wanted.start()
        while not (process := pool._processes[0]).task:
            pass
        os.kill(process.process.pid, signal.SIGKILL)
        wanted.join()
    assert [a.outcome for a in attempts(deeds.number(3).dref, store=store)] == ["succeeded"]


def test_a_child_that_a_realizer_leaves_does_not_hide_its_death(pool, fifo):
    with pytest.raises(WorkerDied, match="SIGKILL"):
        pool.submit(deeds.leave_a_child, fifo("up").path).result()


def test_a_worker_that_cannot_start_says_why(monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no module named pystore' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with Workers(1) as pool, pytest.raises(WorkerDied, match="could not start") as caught:
        pool.submit(deeds.square, 2).result()
    assert caught.value.output == "no module named pystore"
    assert caught.value.ended == "it exited with code 3"


def test_modules_beside_the_script_do_not_stand_in_for_those_of_the_worker(monkeypatch, tmp_path):
    for name in ("queue", "json", "pystore"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('an impostor')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with Workers(1) as pool:
        assert pool.submit(lambda: 42).result() == 42


def test_a_machine_with_no_descriptors_left_is_a_clear_error():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Workers(1) as pool:
        pool.submit(deeds.square, 2).result()
        os.kill(pool._processes[0].process.pid, signal.SIGKILL)
        free = os.open(os.devnull, os.O_RDONLY)  # the lowest number that is free
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            future = pool.submit(deeds.square, 2)
            with pytest.raises(WorkerDied):
                future.result()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert pool.submit(deeds.square, 2).result() == 4


def test_what_a_realizer_started_ends_with_its_worker(fifo):
    up = fifo("up")
    with Workers(1) as pool:
        future = pool.submit(deeds.with_child, up.path, False)
        both = up.heard()
        pool.kill()
    with pytest.raises(WorkerDied, match="stopped"):
        future.result()
    assert gone(*both)


PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
import deeds
from pystore import Workers
pool = Workers(2)
one = pool.submit(deeds.stick, sys.argv[2])
two = pool.submit(deeds.with_child, sys.argv[3], sys.argv[4] == "fork")
one.result()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("child", ["fork", "program"])
def test_WP2_when_the_parent_is_killed_nothing_is_left_running(fifo, how, child):
    """Neither C code that holds the interpreter, nor what a realizer has started."""
    stuck, busy = fifo("stuck"), fifo("busy")
    folder = str(Path(deeds.__file__).parent)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, folder, stuck.path, busy.path, child])
    pids = [*stuck.heard(), *busy.heard()]
    parent.send_signal(how)
    parent.wait()
    assert gone(*pids)


def test_a_shutdown_finishes_what_was_given_and_refuses_more(fifo):
    pool = Workers(1)
    futures = [pool.submit(deeds.square, n) for n in range(5)]
    pool.shutdown()
    assert [future.result() for future in futures] == [0, 1, 4, 9, 16]
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(deeds.square, 1)


def test_a_shutdown_may_cancel_what_has_not_started(fifo):
    up, down = fifo("up"), fifo("down")
    pool = Workers(1)
    running = pool.submit(deeds.meet, up.path, down.path)
    later = [pool.submit(deeds.square, n) for n in range(5)]
    up.heard()
    pool.shutdown(wait=False, cancel_futures=True)
    down.say()
    assert running.result()
    assert wait(later, timeout=60).not_done == set()
    with pytest.raises(CancelledError):
        later[0].result()


def test_threads_may_share_workers(pool):
    found = {}

    def use(name):
        found[name] = list(pool.map(deeds.square, range(name, name + 10)))

    threads = [threading.Thread(target=use, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: [n * n for n in range(name, name + 10)] for name in range(4)}


def test_ten_thousand_tasks_are_no_burden():
    with Workers(2) as pool:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert sum(pool.map(deeds.square, range(10_000))) == sum(n * n for n in range(10_000))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 40_000  # [KB]


def test_a_worker_has_a_gpu_of_its_own_and_a_share_of_the_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with Workers(2, gpus=["3", "5"]) as pool:
        asked = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
        one = pool.start(deeds.environment, asked, resources=Resources(gpu=2))
        assert one.result() == ["3,5", str(max(1, pool.slots.cpus // 2))]
        assert pool.submit(deeds.environment, *asked).result()[0] == ""


def test_what_a_user_has_set_of_threads_stays(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "17")
    with Workers(1) as pool:
        assert pool.submit(deeds.environment, "OMP_NUM_THREADS").result() == ["17"]


@pytest.mark.parametrize("gpus", ["01", [0, 0], ["0,1"], [-1], [True], 2])
def test_gpus_are_named_one_by_one(gpus):
    with pytest.raises(BadStage, match="each once"):
        Workers(1, gpus=gpus)


@pytest.mark.parametrize("n", [0, -1, True, 2.0])
def test_a_number_of_workers_is_a_number(n):
    with pytest.raises(BadStage, match="not a whole number of at least 1"):
        Workers(n)


def test_a_task_that_wants_much_is_not_overtaken_for_ever(fifo):
    """While small tasks keep coming, the one that wants the whole machine gets its turn."""
    order, slots_left = [], threading.Event()
    with Workers(2) as pool:
        big = Resources(cpus=pool.slots.room)

        def more(done):
            order.append("small")
            if not slots_left.is_set() and len(order) < 500:
                pool.submit(deeds.square, 2).add_done_callback(more)

        for _ in range(4):
            pool.submit(deeds.square, 2).add_done_callback(more)
        wanted = pool.start(deeds.square, (3,), resources=big)
        wanted.add_done_callback(lambda _: slots_left.set())
        assert wanted.result() == 9
    assert len(order) < 100


FORKS = """
import os, sys
sys.path.insert(0, sys.argv[1])
import deeds
from pystore import Workers
from pystore.store.locks import BuildLock
from pathlib import Path
lock = BuildLock(Path(sys.argv[3]))
lock.acquire()
pool = Workers(1)
pool.submit(deeds.square, 2).result()
if not os.fork():
    deeds.meet(sys.argv[4], sys.argv[5])
    os._exit(0)
pool.submit(deeds.stick, sys.argv[2]).result()
"""


def test_WP2_a_child_that_its_caller_has_forked_keeps_no_worker_alive_and_no_lock(tmp_path, fifo):
    """As the workers of a DataLoader do."""
    up, child_up, child_down, lock = fifo("up"), fifo("child-up"), fifo("down"), tmp_path / "lock"
    places = [Path(deeds.__file__).parent, up.path, lock, child_up.path, child_down.path]
    caller = subprocess.Popen([sys.executable, "-c", FORKS, *map(str, places)])
    (child,), (worker,) = child_up.heard(), up.heard()
    assert not BuildLock(lock).acquire()
    caller.kill()
    caller.wait()
    assert gone(worker)
    assert BuildLock(lock).acquire()
    child_down.say()
    assert gone(child)


def test_a_forked_child_is_told_that_it_has_no_workers(pool):
    pool.submit(deeds.square, 2).result()
    if not (child := os.fork()):
        try:
            with pytest.raises(RuntimeError, match="belong to the process that forked"), pool:
                pool.submit(deeds.square, 2)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.submit(deeds.square, 3).result() == 9


LEFT = """
import sys
sys.path.insert(0, sys.argv[1])
import deeds
from pystore import Workers
pool = Workers(1)
for n in range(2):
    pool.submit(deeds.meet, *sys.argv[2 + 2 * n : 4 + 2 * n])
"""


def test_workers_that_are_never_shut_down_end_with_their_program_and_have_done_their_work(fifo):
    """As those of other executors do."""
    (up, down), (last_up, last_down) = ((fifo(f"up-{n}"), fifo(f"down-{n}")) for n in range(2))
    places = [Path(deeds.__file__).parent, *(f.path for f in (up, down, last_up, last_down))]
    program = subprocess.Popen([sys.executable, "-c", LEFT, *map(str, places)])
    pids = up.heard()
    down.say()
    assert last_up.heard() == pids
    last_down.say()
    assert program.wait(60) == 0
    assert gone(*pids)


def test_a_callback_may_submit_as_much_as_it_likes(pool):
    """It runs in the thread that gives out the tasks."""
    later, submitted = [], threading.Event()

    def more(_):
        later.extend(pool.submit(deeds.square, n) for n in range(2000))
        submitted.set()

    pool.submit(deeds.square, 1).add_done_callback(more)
    assert submitted.wait(60)
    assert [future.result() for future in later] == [n * n for n in range(2000)]


# --- workers that do not listen ----------------------------------------------------------


@pytest.fixture
def stopped(monkeypatch):
    """The second worker that is started is stopped at once; gives the list of such workers."""
    started = []

    def start(worker, start=WorkerProcess._start):
        start(worker)
        started.append(worker)
        if len(started) == 2:
            os.kill(worker.process.pid, signal.SIGSTOP)

    monkeypatch.setattr(WorkerProcess, "_start", start)
    return started


@pytest.mark.parametrize("size", [1, 10_000_000])
def test_WP1_a_worker_that_does_not_start_holds_up_no_other(stopped, store, fifo, size):
    up, down = fifo("up"), fifo("down")
    with Workers(2) as pool:
        first = pool.submit(deeds.meet, up.path, down.path)
        up.heard()
        stuck = pool.submit(len, bytes(size))
        while len(stopped) < 2:
            time.sleep(0.01)
        down.say()
        first.result(60)
        with pytest.raises(TimedOut):
            realize(deeds.overruns("-"), executor=pool)
        assert stuck.cancel(), "nothing has begun it"
        assert pool.submit(deeds.square, 2).result(60) == 4
        pool.kill()


@pytest.mark.parametrize("size", [1, 10_000_000])
def test_WP1_a_worker_that_takes_nothing_holds_up_no_other(fifo, size):
    ups, downs = ([fifo(f"{way}-{n}") for n in range(2)] for way in ("up", "down"))
    with Workers(2) as pool:
        both = [pool.submit(deeds.meet, u.path, d.path) for u, d in zip(ups, downs, strict=True)]
        (first,), (second,) = (up.heard() for up in ups)
        downs[0].say()
        both[0].result()
        os.kill(first, signal.SIGSTOP)
        stuck = pool.submit(len, bytes(size))
        downs[1].say()
        both[1].result(60)
        assert pool.submit(deeds.pid).result(60) == second
        os.kill(first, signal.SIGCONT)
        assert stuck.result(60) == size


def test_what_waits_for_a_worker_takes_no_memory_of_its_own():
    before, data = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, bytes(30_000_000)
    with Workers(1) as pool:
        assert set(pool.map(len, [data] * 30)) == {len(data)}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # [KB]


def test_a_thread_that_outlives_its_task_holds_up_nobody(tmp_path):
    def leaves_a_thread():
        threading.Thread(target=time.sleep, args=(1000,)).start()
        atexit.register((tmp_path / "ended").touch)

    started = time.monotonic()
    with Workers(1) as pool:
        pool.submit(leaves_a_thread).result()
        other = pool.start(deeds.square, (2,), resources=Resources(cpus=pool.slots.room))
        assert other.result() == 4
    assert time.monotonic() - started < 100
    assert (tmp_path / "ended").exists()


def test_what_a_task_starts_can_be_interrupted():
    """The worker itself is not: Ctrl-C is for who planned its work."""

    def interrupts() -> str:
        os.kill(os.getpid(), signal.SIGINT)
        shown = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
        return subprocess.check_output([sys.executable, "-c", shown], text=True)

    with Workers(1) as pool:
        assert pool.submit(interrupts).result() == "False\n"


def test_a_task_that_was_taken_back_from_a_worker_that_then_dies_is_forgotten(stopped, fifo):
    up, down = fifo("up"), fifo("down")
    with Workers(2) as pool:
        first = pool.submit(deeds.meet, up.path, down.path)
        up.heard()
        taken_back = pool.submit(deeds.square, 2)
        while len(stopped) < 2:
            time.sleep(0.01)
        assert taken_back.cancel()
        stopped[1].process.kill()
        down.say()
        first.result(60)
        assert pool.submit(deeds.square, 3).result(60) == 9


def test_a_system_that_starts_no_more_threads_is_the_error_that_is_told(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    with (
        monkeypatch.context() as patched,
        pytest.raises(RuntimeError, match="can't start new thread"),
        Workers(1) as pool,
    ):
        patched.setattr(threading.Thread, "start", refuse)
        pool.submit(deeds.square, 2)
    with Workers(1) as pool:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError):
                pool.submit(deeds.square, 2)
        assert pool.submit(deeds.square, 3).result() == 9
