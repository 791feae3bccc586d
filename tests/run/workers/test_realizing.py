"""realize(…, workers=…): what it does beside the serial run."""

import os
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from math import inf
from multiprocessing import get_context
from pathlib import Path

import deeds
import pytest
from own_warnings import ours

from pystore import (
    Derivation,
    Store,
    Workers,
    attempts,
    build_link,
    build_metric,
    build_outpath,
    build_progress,
    match_latest,
    output,
    realize,
    rref2path,
    stage,
)
from pystore.core.resources import Resources
from pystore.errors import (
    BadStage,
    BuildError,
    BuildsFailed,
    Interrupted,
    PystoreWarning,
    TimedOut,
    WorkerDied,
)
from pystore.events import AttemptFailed, Metric, Progress, Started, Succeeded, event_record
from pystore.store.current import current_store


def text(rref, file) -> str:
    return (rref2path(rref) / file).read_text()


def by_hand(function, **config) -> Derivation:
    return Derivation({"name": "by-hand", **config}, match_latest(), function)


def ended(target, store) -> list[tuple[int, str]]:
    return [(a.number, a.outcome) for a in attempts(target.dref, store=store)]


def test_results_and_their_shape_are_those_of_the_serial_run(store):
    numbers = [deeds.number(n) for n in range(5)]
    one, several = realize({"sum": deeds.total(numbers), "all": numbers}, workers=2).values()
    assert text(one, "n.txt") == "10\n"
    assert several == realize(numbers)
    assert one == realize(deeds.total(numbers), build=False)


def test_events_tell_what_goes_on_while_it_goes_on(store, fifo):
    up, down, heard = fifo("up"), fifo("down"), []

    def listen(event):
        heard.append(event)
        if isinstance(event, Progress):
            assert up.heard() == [heard[0].pid]
            down.say()

    realize(deeds.waits("me", up.path, down.path), workers=1, listener=listen)
    assert [type(event) for event in heard] == [Started, Progress, Succeeded]


def told(target, **options):
    heard = []
    realize(target, listener=heard.append, **options)
    return [(e.name, e.value, e.step, e.number) for e in heard if isinstance(e, Metric)]


def test_metrics_are_told_as_events_and_those_of_other_executors_the_last_of_each_name(store):
    points = [("loss", 1 / (step + 1), step, 0) for step in range(3)]
    assert told(deeds.tells(3)) == [*points, ("diverged", inf, None, 0)]
    assert told(deeds.tells(3), workers=1, force_rebuild=True) == [
        *((*point[:3], 1) for point in points), ("diverged", inf, None, 1)
    ]  # fmt: skip
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        others = told(deeds.tells(3), executor=pool, force_rebuild=True)
    assert others == [("loss", 1 / 3, 2, 2), ("diverged", inf, None, 2)]


def test_a_metric_that_json_has_no_word_for_is_null(store):
    assert event_record(Metric(deeds.tells(1).dref, "loss", inf))["value"] is None
    assert event_record(Metric(deeds.tells(1).dref, "loss", 0.5))["value"] == 0.5


# --- output ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ("raise", BuildError, "raised ValueError"),
        ("die", WorkerDied, "by SIGKILL"),
        ("exit", BuildError, r"sys.exit\(3\)"),
        ("interrupt", BuildError, "KeyboardInterrupt was raised"),
    ],
)
def test_the_last_lines_of_its_output_are_in_the_error(store, how, error, says):
    with pytest.raises(error, match=says) as caught:
        realize(deeds.talks(how), workers=1)
    log = next(store.root.rglob("attempts/*.0.log"))
    said = ["by a child", "by print", "by write"]
    assert sorted(log.read_text().splitlines()) == said
    if how != "interrupt":
        assert sorted(caught.value.output.splitlines()) == said


def test_the_users_own_traceback_comes_along(store):
    with pytest.raises(BuildError) as caught:
        realize(deeds.talks("raise"), workers=1)
    assert 'raise ValueError("at last")' in str(caught.value.__cause__)


def test_a_segfault_leaves_a_traceback_in_the_log(store):
    def crash(b):
        deeds.die(11)

    with pytest.raises(WorkerDied, match="by SIGSEGV") as caught:
        realize(by_hand(crash), workers=1)
    assert "in crash" in caught.value.output


def test_warnings_of_ours_reach_the_caller_and_others_the_log(store):
    with pytest.warns(PystoreWarning, match="of ours"):
        realize(deeds.warns(), workers=1)
    (log,) = store.root.rglob("attempts/*.0.log")
    assert "UserWarning: of others" in log.read_text()


@stage
def warns_oddly(out=output("o")):
    warnings.warn(os.fsdecode(b"of a file \xff"), PystoreWarning, stacklevel=1)
    out.write_text("done")


def test_a_warning_may_have_the_name_of_any_file(store):
    with pytest.warns(PystoreWarning, match="of a file"):
        realize(warns_oddly(), workers=1)


def test_a_realizer_that_closes_the_channel_of_its_worker_is_told_and_gets_no_events(store):
    files = []

    def closes(b):
        os.closerange(3, 1024)  # the channel has a number that was free in the calling process
        files.extend((b.outpath / str(n)).open("w") for n in range(30))
        for n in range(3):
            build_progress(b, n, 3)

    with pytest.raises(WorkerDied) as caught:
        realize(by_hand(closes), workers=1)
    assert "closed its channel" in caught.value.ended
    assert {path.stat().st_size for path in store.root.glob("tmp/*/out/*")} == {0}


# --- failures ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "scratch", "outcomes", "steps"),
    [
        ("raise", False, [(0, "failed"), (1, "succeeded")], ""),
        ("die", False, [(0, "died"), (1, "succeeded")], ""),
        ("die", True, [(0, "succeeded")], "step\nstep\n"),
        ("raise", True, [(0, "succeeded")], "step\nstep\n"),
    ],
)
def test_what_failed_is_tried_again(store, tmp_path, how, scratch, outcomes, steps):
    """With its scratch where it has one: what died under its own number, with its own seed."""
    target = deeds.fails_once(str(tmp_path / "runs"), scratch, how)
    rref = realize(target, workers=1, retries=1)
    assert ended(target, store) == outcomes
    assert text(rref, "o") == steps
    if scratch:
        (attempt,) = attempts(target.dref)
        assert len(attempt.notes["tries"]) == 1


@pytest.mark.parametrize("how", ["raise", "die"])
@pytest.mark.parametrize("workers", [None, 1])
def test_a_try_is_told_from_a_failure(store, tmp_path, how, workers):
    if how == "die" and workers is None:
        pytest.skip("it would take the tests with it")
    heard = []
    target = deeds.fails_once(str(tmp_path / "runs"), False, how)
    realize(target, workers=workers, retries=1, listener=heard.append)
    assert [event.again for event in heard if isinstance(event, AttemptFailed)] == [True]


def test_retries_work_in_this_process_too(store, tmp_path):
    target = deeds.fails_once(str(tmp_path / "runs"), False, "raise")
    realize(target, retries=2)
    assert ended(target, store) == [(0, "failed"), (1, "succeeded")]


def test_a_stage_with_a_timeout_runs_in_a_worker_and_is_stopped(store):
    heard = []
    with pytest.raises(TimedOut, match=r"longer than 0.3 s"):
        realize(deeds.overruns("-"), listener=heard.append)
    assert isinstance(heard[-1], AttemptFailed)
    assert ended(deeds.overruns("-"), store) == [(0, "died")]


def test_what_a_stage_has_said_is_told_when_its_time_is_over(store):
    def says(b):
        print("on my way", flush=True)
        time.sleep(1000)

    with pytest.raises(TimedOut) as caught:  # in 5 s, a busy machine has printed a line
        realize(by_hand(says), timeout=5.0)
    assert caught.value.output == "on my way"


def test_a_timeout_of_the_call_holds_for_a_stage_that_has_none(store):
    def sleeps(b):
        time.sleep(1000)

    with pytest.raises(TimedOut, match=r"longer than 0.3 s"):
        realize(by_hand(sleeps), timeout=0.3)


def test_keep_going_builds_what_does_not_depend_on_a_failure(store):
    bad, good = [deeds.talks("raise"), deeds.talks("die")], [deeds.number(n) for n in range(3)]
    needs_bad = deeds.total([bad[0]])
    with pytest.raises(BuildsFailed) as caught:
        realize([*bad, needs_bad, *good], workers=2, keep_going=True)
    assert set(caught.value.errors) == {target.dref for target in bad}
    assert len(realize(good, build=False)) == 3


def test_an_attempt_that_was_committed_counts_though_its_worker_died(store):
    heard = []
    rref = realize(deeds.commits_and_dies(), workers=1, listener=heard.append)
    assert text(rref, "o") == "committed"
    assert [type(event) for event in heard] == [Started, Succeeded]


def test_LN1_a_listener_that_raises_fails_no_attempt_of_a_worker(store):
    def raises(event):
        raise OSError("the terminal is gone")

    with Workers(1) as pool:
        with pytest.warns(PystoreWarning, match="the terminal is gone") as told:
            assert realize(deeds.number(1), executor=pool, listener=raises)
        assert len(ours(told)) == 1, "a listener that always raises is told of once"
        assert realize(deeds.number(2), executor=pool)


def test_a_call_that_is_asked_to_stop_lets_what_runs_in_workers_finish(store):
    stop = threading.Event()

    def hear(event):
        if isinstance(event, Succeeded):
            stop.set()

    numbers = [deeds.number(n) for n in range(20)]
    with pytest.raises(Interrupted) as caught:
        realize(numbers, workers=1, listener=hear, stop=stop.is_set)
    assert "what was built is kept" in caught.value.remedy
    attempted = [attempt.outcome for dref in store.drefs() for attempt in attempts(dref)]
    assert 1 <= len(attempted) < 5
    assert set(attempted) == {"succeeded"}
    assert len(realize(numbers, workers=1)) == 20


def test_two_calls_in_two_threads_may_share_workers(store):
    found = {}
    with Workers(2) as pool:

        def call(first):
            numbers = [deeds.number(n) for n in range(first, first + 20)]
            found[first] = realize(deeds.total(numbers), executor=pool, store=store)

        threads = [threading.Thread(target=call, args=(first,)) for first in (0, 10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [text(found[first], "n.txt") for first in (0, 10)] == ["190\n", "390\n"]
    assert {len(attempts(deeds.number(n).dref)) for n in range(30)} == {1}


# --- before anything starts --------------------------------------------------------------


def test_what_cannot_be_sent_is_an_error_before_any_work_though_it_comes_last(store):
    lock = threading.Lock()

    def holds(b):
        with lock:
            pass

    first = deeds.number(1)
    last = by_hand(holds, after=first)
    with pytest.raises(BadStage, match=r"holds cannot be sent to another process") as caught:
        realize(last, workers=2)
    assert "lock" in caught.value.because
    assert store.attempts(first.dref) == []


def test_a_gpu_that_nobody_named_is_an_error_before_any_work(store):
    first = deeds.number(1)
    config = {"name": "wants", "after": first}
    wants = Derivation(config, match_latest(), deeds.by_hand, Resources(gpu=1))
    with pytest.raises(BadStage, match=r"wants gpu=1.*there are 0"):
        realize(wants, workers=2)
    assert store.attempts(first.dref) == []


def test_gpus_that_nobody_asks_for_are_worth_a_warning(store):
    with pytest.warns(PystoreWarning, match="no stage asks for one"):
        realize(deeds.number(1), gpus=[0])


# --- the same code as planned ------------------------------------------------------------


def test_code_and_source_are_recorded_as_by_the_serial_run(store, tmp_path):
    other = Store(tmp_path / "other", durable=False)
    targets = [deeds.number(1), by_hand(deeds.by_hand, n=2), by_hand(lambda b: None, n=3)]
    serial, sent = realize(targets), realize(targets, store=other, workers=1)
    assert serial == sent
    for target in targets:
        (one,), (two,) = attempts(target.dref), attempts(target.dref, store=other)
        assert (one.source, one.realizer) == (two.source, two.realizer)
        assert one.notes == two.notes
        assert one.seed == two.seed


MODULE = """
from pystore import stage, output
FACTOR = 1

@stage
def scaled(n: int, out=output("o")):
    out.write_text(str(n * FACTOR))
"""


def test_a_worker_that_has_other_code_than_was_planned_refuses_it(store, tmp_path, monkeypatch):
    (tmp_path / "changing.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import changing  # type: ignore[import-not-found]  # written above

    assert realize(changing.scaled(2), workers=1)
    changing.FACTOR = 3
    with pytest.raises(BadStage, match="other code for scaled than what was planned"):
        realize(changing.scaled(2), workers=1)
    assert text(realize(changing.scaled(2)), "o") == "6"


# --- many --------------------------------------------------------------------------------

WIDE = """
import resource, sys
sys.path.insert(0, sys.argv[1])
import deeds
from pystore import Store, realize
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
options = {"workers": int(sys.argv[3])} if sys.argv[3].isdigit() else {}
if sys.argv[3] == "threads":
    from concurrent.futures import ThreadPoolExecutor
    options = {"executor": ThreadPoolExecutor(2)}
store = Store(sys.argv[2], durable=False)
found = realize([deeds.number(n) for n in range(300)], store=store, **options)
print(len(set(found)))
"""


@pytest.mark.parametrize("how", ["serial", "threads", "2", "50"])
def test_a_wide_graph_needs_few_descriptors(tmp_path, how):
    folder = str(Path(deeds.__file__).parent)
    command = [sys.executable, "-c", WIDE, folder, str(tmp_path / "s"), how]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "300\n", done.stderr


def test_a_timeout_may_be_endless(store):
    assert realize(deeds.number(1), workers=1, timeout=float("inf"))


class Late(Executor):
    """An executor whose second job ends while it is cancelled."""

    def __init__(self) -> None:
        self.jobs: list[Future] = []

    def submit(self, fn, /, *args, **kwargs):
        self.jobs.append(job := Future() if not self.jobs else Ending(fn, *args))
        if len(self.jobs) == 2:  # now that both have been given out
            self.jobs[0].set_running_or_notify_cancel()
            self.jobs[0].set_exception(OSError("its machine is gone"))
        return job


class Ending(Future):
    def __init__(self, fn, job) -> None:
        super().__init__()
        self.fn, self.job = fn, job

    def cancel(self):
        self.set_running_or_notify_cancel()
        begun = threading.Event()
        self.add_done_callback(lambda _: begun.set())
        threading.Thread(target=lambda: self.set_result(self.fn(self.job))).start()
        return not self.done() and not begun.wait(0.2) and False


def test_a_job_that_ends_while_it_is_taken_back_is_waited_for_no_longer(store):
    targets = [deeds.number(1), deeds.number(2)]
    with pytest.raises(WorkerDied, match="lost the job"):
        realize(targets, executor=Late())
    assert ended(targets[1], store) == [(0, "succeeded")]


class Broken(Executor):
    """An executor that gives up each job, or refuses it."""

    def __init__(self, refuses: bool) -> None:
        self.refuses = refuses

    def submit(self, fn, /, *args, **kwargs):
        if self.refuses:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future = Future()
        future.cancel()
        return future


@pytest.mark.parametrize("refuses", [True, False])
def test_an_executor_that_gives_up_is_an_error_and_no_endless_wait(store, refuses):
    with pytest.raises(BuildsFailed) as caught:
        targets = [deeds.number(n) for n in range(2)]
        realize(targets, executor=Broken(refuses), keep_going=True)
    assert {type(error) for error in caught.value.errors.values()} == {WorkerDied}


class InAThread(Executor):
    """An executor whose jobs end in a thread that must not, as the loop of Dask's client."""

    def submit(self, fn, /, *args, **kwargs):
        future: Future = Future()
        thread = threading.Thread(target=lambda: future.set_result(fn(*args, **kwargs)))
        thread.start()
        return future


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_listener_that_ends_the_program_is_heard_from_any_executor(store, error):
    def raises(event):
        raise error("enough")

    with pytest.raises(error, match="enough"):
        realize(deeds.number(1), executor=InAThread(), listener=raises)


class FailsFirst(Executor):
    """An executor of which the first job ends badly, and the second when the third is cancelled."""

    def __init__(self) -> None:
        self.given: list[Future] = []

    def submit(self, fn, /, *args, **kwargs):
        self.given.append(Future())
        if len(self.given) == 3:
            second = self.given[1]
            second.set_running_or_notify_cancel()
            self.given[2].add_done_callback(lambda _: second.set_exception(OSError("late")))
            self.given[0].set_exception(OSError("lost"))
        return self.given[-1]


def test_after_a_failure_what_was_given_out_and_has_not_started_is_taken_back(store):
    executor = FailsFirst()
    with pytest.raises(WorkerDied, match="OSError: lost"):
        realize([deeds.number(n) for n in range(500)], executor=executor)
    assert all(future.cancelled() for future in executor.given[2:])
    assert len(executor.given) < 10


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, Workers])
def test_a_pool_that_is_shut_down_meanwhile_is_no_endless_wait(store, fifo, kind):
    up, down = fifo("up"), fifo("down")
    pool = kind(1)

    def shut() -> None:
        up.heard()
        pool.shutdown(wait=False, cancel_futures=True)
        down.say()

    threading.Thread(target=shut).start()
    targets = [deeds.waits("me", up.path, down.path), *(deeds.number(n) for n in range(3))]
    with pytest.raises(WorkerDied, match="lost the job"):
        realize(targets, executor=pool)
    assert realize(targets[0], build=False)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, Workers])
def test_a_pool_that_was_shut_down_is_told(store, kind):
    pool = kind(1)
    pool.shutdown()
    with pytest.raises(WorkerDied, match="lost the job"):
        realize(deeds.number(1), executor=pool)


def test_links_metrics_and_notes_of_a_realizer_arrive(store, tmp_path):
    def links(b):
        build_link(b, "data", tmp_path)
        build_metric(b, "loss", 0.5)

    rref = realize(by_hand(links), workers=1)
    assert (rref2path(rref) / "data").readlink() == tmp_path
    assert attempts(rref.dref)[0].metrics == {"loss": 0.5}


def test_an_attempt_is_made_in_the_store_that_is_current_there(store, tmp_path):
    def looks(b):
        (build_outpath(b) / "ids").write_text(f"{b.store.id} {current_store().id}")

    other = Store(tmp_path / "other", durable=False)
    rref = realize(by_hand(looks), store=other, workers=1)
    assert (other.path(rref) / "ids").read_text() == f"{other.id} {other.id}"
