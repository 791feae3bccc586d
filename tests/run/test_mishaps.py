"""What goes wrong around a realizer must not lose what it has computed."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import pytest
from own_warnings import ours

import pystore as ps
from pystore import Context, Derivation, match_latest, match_some
from pystore.errors import BadConfig, PystoreWarning, UnkeepableOutput
from pystore.events import AttemptFailed, Started


class Whole:
    """A whole number that is no JSON, as NumPy's are."""

    def __int__(self):
        return 3


def write(b):
    (b.outpath / "file.txt").write_text(str(b.seed))


def test_a_step_that_is_no_json_is_taken_as_a_whole_number(store):
    def train(b):
        ps.build_metric(b, "loss", 0.5, step=Whole())  # type: ignore[arg-type]  # the mistake
        ps.build_note(b, 1, "a key that is no text")  # type: ignore[arg-type]  # the mistake
        ps.build_note(b, "other", 2)
        write(b)
        with pytest.raises(BadConfig):
            ps.build_metric(b, "loss", 0.5, step="third")  # type: ignore[arg-type]  # the mistake

    (attempt,) = ps.attempts(ps.realize(Derivation({}, match_latest(), train)))
    assert store.trace(attempt) == [(3, "loss", 0.5)]
    assert attempt.notes == {"1": "a key that is no text", "other": 2}


@pytest.mark.parametrize("step", [0.5, Fraction(1, 3), float("inf")])
def test_a_step_that_is_a_part_of_one_is_refused(store, step):
    def train(b):
        ps.build_metric(b, "loss", 0.5, step=Fraction(2))  # type: ignore[arg-type]  # no int
        with pytest.raises(BadConfig, match="the step of the metric 'loss' is no whole number"):
            ps.build_metric(b, "loss", 0.25, step=step)
        (b.outpath / "metrics.jsonl").write_text('{"step": 0.5, "name": "val", "value": 0.5}\n')

    with pytest.warns(PystoreWarning, match=r"line 1 \(ValueError: 0.5 is no whole number\)"):
        (attempt,) = ps.attempts(ps.realize(Derivation({}, match_latest(), train)))
    assert store.trace(attempt) == [(2, "loss", 0.5)]
    assert attempt.metrics == {"loss": 0.5}


def test_MR1_a_name_that_stands_twice_is_named_and_costs_no_other(store):
    def train(b):
        text = '{"a": 1, "loss": 0.5, "loss": 0.25, "test": {"f1": 1, "f1": 2, "auc": 3}}'
        (b.outpath / "metrics.json").write_text(text)

    with pytest.warns(PystoreWarning, match=r"loss \(\[0.5, 0.25\]\), test.f1 \(\[1, 2\]\)"):
        (attempt,) = ps.attempts(ps.realize(Derivation({}, match_latest(), train)))
    assert attempt.metrics == {"a": 1, "test.auc": 3}


def test_MR1_half_a_character_is_in_no_name(store):
    def train(b):
        (b.outpath / "metrics.json").write_text(r'{"x\ud800": 1, "y": 2}')
        (b.outpath / "metrics.jsonl").write_text(r'{"step": 0, "name": "\udc80", "value": 2}')
        Path(os.fsdecode(os.fsencode(b.outpath) + b"/caf\xe9.txt")).write_text("3")
        with pytest.raises(BadConfig, match="half a character"):
            ps.build_metric(b, "z\ud800", 4)

    with pytest.warns(PystoreWarning, match=r"x.* \(1\)|no name"):
        (attempt,) = ps.attempts(ps.realize(Derivation({}, match_latest(), train)))
    assert attempt.metrics == {"y": 2}


def test_MR2_a_number_beside_many_texts_is_a_metric(store):
    def train(b):
        (b.outpath / "captions").mkdir()
        for number in range(150):
            (b.outpath / "captions" / f"{number}.txt").write_text("a cat")
            (b.outpath / f"about {number}.txt").write_text("a dog")
        (b.outpath / "score.txt").write_text("0.5")

    (attempt,) = ps.attempts(ps.realize(Derivation({}, match_latest(), train)))
    assert attempt.metrics == {"score.txt": 0.5}


def test_MR2_of_many_numbers_those_in_few_folders_count_and_the_rest_is_told(store):
    def train(b):
        (b.outpath / "labels").mkdir()
        for number in range(1005):
            (b.outpath / "labels" / f"{number:04}.txt").write_text("3")
        (b.outpath / "score.txt").write_text("0.5")

    with pytest.warns(PystoreWarning, match="906 further text .* from labels/0099"):
        (attempt,) = ps.attempts(ps.realize(Derivation({}, match_latest(), train)))
    assert len(attempt.metrics) == 100
    assert attempt.metrics["score.txt"] == 0.5


@pytest.mark.parametrize("text", ['{"a": 1' + "0" * 5000 + "}", "[" * 100_000])
def test_a_metrics_file_of_monstrous_numbers_is_a_warning(store, text):
    def train(b):
        (b.outpath / "metrics.json").write_text(text)

    with pytest.warns(PystoreWarning, match="states no metrics"):
        assert ps.realize(Derivation({}, match_latest(), train))


def test_S6_a_mended_commit_keeps_what_its_attempt_had_told(store, tmp_path):
    (tmp_path / "data").mkdir()

    def train(b):
        ps.build_metric(b, "accuracy", 0.9, step=1)
        ps.build_note(b, "who", "me")
        ps.build_link(b, "data", tmp_path / "data")
        os.mkfifo(b.outpath / "fifo")

    with pytest.raises(UnkeepableOutput) as failed:
        ps.realize(Derivation({}, match_latest(), train))
    staging = Path(str(failed.value.staging))
    with pytest.raises(UnkeepableOutput):
        ps.commit(staging)
    (staging / "out" / "fifo").unlink()
    first, second = ps.attempts(ps.commit(staging).dref)
    assert (first.outcome, second.outcome) == ("failed", "succeeded")
    assert second.metrics == {"accuracy": 0.9}
    assert (second.realizer, second.notes["who"]) == (first.realizer, "me")
    assert store.trace(second) == [(1, "accuracy", 0.9)]


def bear(how):
    """Forks a child, which ends as it is told."""
    if child := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == CODES[how]
    elif how == "exits":
        sys.exit(3)
    elif how == "raises":
        raise ValueError("in the child")
    return child


CODES = {"exits": 3, "raises": 1, "returns": 0}


@pytest.mark.parametrize("workers", [None, 1])
@pytest.mark.parametrize("how", CODES)
def test_S4_a_child_that_a_realizer_forks_never_ends_its_attempt(store, how, workers):
    def train(b):
        if bear(how):
            write(b)

    rref = ps.realize(Derivation({}, match_latest(), train), workers=workers)
    (attempt,) = ps.attempts(rref)
    assert (attempt.outcome, attempt.rref) == ("succeeded", rref)
    assert not ps.verify().damages
    assert ps.rref2path(rref).joinpath("file.txt").exists()


def test_S6_a_listener_that_ends_the_program_at_the_start_leaves_no_running_attempt(store):
    def listener(event):
        if isinstance(event, Started):
            raise SystemExit("boom")

    derivation = Derivation({}, match_latest(), write)
    with pytest.raises(SystemExit, match="boom"):
        ps.realize(derivation, listener=listener)
    assert [attempt.outcome for attempt in ps.attempts(derivation.dref)] == ["failed"]
    assert not [path for path in store.parts.tmp.iterdir() if path.is_dir()]


@pytest.mark.parametrize("workers", [None, 1])
def test_where_a_realizer_goes_the_next_one_does_not_work(store, tmp_path, monkeypatch, workers):
    monkeypatch.chdir(tmp_path)
    os.umask(umask := os.umask(0o022))

    def strays(b):
        os.chdir(b.outpath)
        os.umask(0)
        write(b)

    def writes(b):
        Path("stray.txt").write_text("")
        write(b)
        (b.outpath / "mode.txt").write_text(oct(Path("stray.txt").stat().st_mode & 0o777))

    first = Derivation({"name": "first"}, match_latest(), strays)
    second = Derivation({"name": "second", "after": first}, match_latest(), writes)
    rref = ps.realize(second, workers=workers)
    assert ps.catref(rref, "mode.txt") == [oct(0o666 & ~umask)]
    assert (tmp_path / "stray.txt").exists()
    assert os.getcwd() == str(tmp_path)
    assert ps.verify().sound


@pytest.mark.parametrize("workers", [None, 1])
def test_a_captured_stage_reads_nothing_from_standard_input(store, workers):
    def reads(b):
        done = subprocess.run(["cat"], stdin=sys.stdin, capture_output=True, check=True)
        (b.outpath / "read.txt").write_bytes(done.stdout + sys.stdin.buffer.read() + b"nothing")

    rref = ps.realize(Derivation({}, match_latest(), reads), capture=True, workers=workers)
    assert ps.catref(rref, "read.txt") == ["nothing"]


def test_S5_after_ctrl_c_nothing_more_starts_and_what_runs_keeps_its_lock(store):
    runs, go = [], threading.Event()

    def slow(b):
        runs.append(b.seed)
        if len(runs) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        go.wait(60)
        write(b)

    derivation = Derivation({}, match_some(4), slow)
    lock = store.lock(derivation.dref, Context())
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(KeyboardInterrupt):
            ps.realize_many(derivation, executor=executor)
        assert not lock.acquire()
        go.set()
    assert len(runs) == 1
    assert lock.acquire(patience=60.0)
    lock.release()
    assert [attempt.outcome for attempt in ps.attempts(derivation.dref)] == ["succeeded"]


def test_DH3_a_signal_that_wakes_nobody_is_heard_while_an_attempt_runs(store):
    """As one that comes in the instant before a wait: the thread that waits is not woken."""
    runs, go = [], threading.Event()

    def slow(b):
        runs.append(b.seed)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        assert go.wait(60)
        write(b)

    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(KeyboardInterrupt):
            ps.realize_many(Derivation({}, match_some(4), slow), executor=executor)
        go.set()
    assert len(runs) == 1


def test_realizers_run_in_other_processes(store):
    derivation = Derivation({}, match_some(2), write)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert len(ps.realize_many(derivation, executor=executor)) == 2
    assert all(attempt.pid != os.getpid() for attempt in ps.attempts(derivation.dref))


def test_LN1_the_exception_of_a_listener_is_told_and_ends_no_training(store):
    def refuse(event):
        raise OSError("the log is full")

    derivation = Derivation({}, match_latest(), write)
    with pytest.warns(
        ps.PystoreWarning, match="a listener raised OSError: the log is full"
    ) as told:
        rref = ps.realize(derivation, listener=refuse)
    assert ours(told)[0].filename == __file__, (
        "the warning names the line of the listener that raised"
    )
    assert ps.rref2path(rref).is_dir()


def test_LN1_what_a_build_raised_is_not_hidden_by_a_listener_that_fails_too(store):
    def fail(b):
        raise ValueError("the cause")

    def refuse(event):
        if isinstance(event, AttemptFailed):
            raise OSError("the log is full")

    with pytest.warns(ps.PystoreWarning), pytest.raises(ps.errors.BuildError) as caught:
        ps.realize(Derivation({}, match_latest(), fail), listener=refuse)
    assert caught.value.because == "the cause"


AFTER_THE_MAIN_THREAD = """
import sys, threading
import pystore as ps
from pystore.store import mounts, syncing

syncing.MANY = int(sys.argv[2])
mounts.kind_of = lambda descriptor: "overlay"
store = ps.Store(sys.argv[1])

def write(b):
    for number in range(5):
        (b.outpath / str(number)).touch()

def build():
    threading.main_thread().join()
    b = ps.Derivation({"name": "late"}, ps.match_latest(), write)
    print(ps.realize(b, store=store))

ps.realize(ps.Derivation({"name": "early"}, ps.match_latest(), write), store=store)
threading.Thread(target=build).start()
"""


@pytest.mark.parametrize("many", [5, 1000])
def test_a_thread_builds_after_the_main_thread_has_ended(tmp_path, many):
    """Python makes no executor any more, and imports none."""
    for time in range(2):  # the second time, nothing is built before
        command = [sys.executable, "-c", AFTER_THE_MAIN_THREAD, tmp_path / "store", str(many)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout.startswith("rref:"), done.stderr
        if not time:
            ps.Store(tmp_path / "store").remove(ps.RRef(done.stdout.strip()))


@pytest.mark.parametrize("first", ["built", "failed"])
def test_LR3_pystore_may_be_upgraded_while_an_attempt_runs(tmp_path, first):
    """What ends an attempt was imported before it began, whether it succeeds or fails."""
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            from pystore import Store, realize, stage
            from pystore.errors import BuildError

            @stage
            def train(build, outcome="built"):
                global before
                before = set(sys.modules)
                (build.outpath / "out.txt").write_text(outcome)
                if outcome == "failed":
                    raise ValueError(outcome)

            with Store(sys.argv[1], durable=False).use():
                try:
                    realize(train(outcome=sys.argv[2]))
                except BuildError:
                    assert sys.argv[2] == "failed"
                print([name for name in set(sys.modules) - before if name.startswith("pystore")])
            """
        )
    )
    told = subprocess.run(
        [sys.executable, script, tmp_path / "store", first], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert told.stdout.splitlines()[-1] == "[]"
