"""Attempts that run, or have died, with what they told; and stopping them."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest
from project import importing

import pystore as ps
from pystore import Attempt, Derivation, Store, match_latest, running, stop
from pystore.errors import BadStage, NotInStore
from pystore.store import mounts
from pystore.store.signs_of_life import SILENCE

SCRIPT = """
    import sys, time, pystore as ps
    from pystore import Derivation, match_latest

    def train(b):
        time.sleep(0.05)  # until the coarse clock of the disk is past the start
        ps.build_metric(b, "accuracy", 0.25)
        ps.build_metric(b, "loss", 0.5, step=7)
        ps.build_progress(b, 3, 10, "epochs")
        while not has_told():
            time.sleep(0.01)
        print("told", flush=True)
        while True:
            time.sleep(0.01)

    def has_told():
        (one,) = ps.running()
        return one.progress and one.last and len(one.attempt.metrics) == 2

    with ps.Store(sys.argv[1], durable=False).use():
        config = {"name": "train", "width": 32, "opt": {"lr": 0.1}}
        ps.realize(Derivation(config, match_latest(), train))
"""
CONFIG = {"name": "train", "width": 32, "opt": {"lr": 0.1}}
TRAIN = Derivation(CONFIG, match_latest(), lambda b: None)

Program = subprocess.Popen[bytes]


@pytest.fixture
def program(store: Store) -> Iterator[Program]:
    """Another process that trains."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env=importing()) as started:  # fmt: skip
        assert started.stdout is not None
        assert started.stdout.readline() == b"told\n"
        yield started
        started.kill()


def kill(program: Program) -> None:
    program.send_signal(signal.SIGKILL)
    program.wait()


def test_UF1_what_runs_is_shown_with_what_it_told(store, program):
    (one,) = running()
    assert one == running(store)[0]
    assert (one.outcome, one.attempt.pid, one.attempt.dref) == ("running", program.pid, TRAIN.dref)
    assert one.parameters == {"width": 32, "opt.lr": 0.1}
    assert one.progress == (3, 10, "epochs")
    assert one.last == ("loss", 0.5, 7)
    assert one.attempt.metrics == {"accuracy": 0.25, "loss": 0.5}
    assert one.attempt.start < (one.heard or 0)
    told = json.loads(json.dumps(one.to_dict()))
    assert told["progress"] == {"done": 3, "total": 10, "unit": "epochs"}
    assert told["last"] == {"name": "loss", "value": 0.5, "step": 7}
    assert (told["name"], told["host"]) == ("train", os.uname().nodename)


def test_UF1_what_told_nothing_shows_nothing(store):
    found = []
    ps.realize(Derivation({"name": "quiet"}, match_latest(), lambda b: found.extend(running())))
    (one,) = found
    assert (one.progress, one.last, one.heard, one.attempt.metrics) == (None, None, None, {})
    assert running(died=True) == []


def test_what_has_died_is_shown_until_it_is_tried_again(store, program):
    kill(program)
    assert running() == []
    (one,) = running(died=True)
    assert (one.outcome, one.last) == ("died", ("loss", 0.5, 7))
    ps.realize(TRAIN)
    assert running(died=True) == []
    assert [a.outcome for a in ps.attempts(TRAIN.dref)] == ["died", "succeeded"]


def test_what_runs_in_the_store_below_is_shown(store, program, tmp_path):
    above = Store(tmp_path / "above", below=store.root)
    (one,) = running(above)
    assert (one.outcome, one.last) == ("running", ("loss", 0.5, 7))
    assert above.trace(one.attempt) == [(7, "loss", 0.5)]


def on_another_host(store: Store) -> None:
    """Makes a claim that of another host, whose lock nobody sees here."""
    (claim,) = store.root.glob("drv/*/attempts/*.begin")
    begin = {**json.loads(claim.read_bytes()), "host": "elsewhere"}
    claim.chmod(0o644)
    claim.write_text(json.dumps(begin, sort_keys=True))


def test_an_attempt_on_another_host_runs_while_it_gives_signs_of_life(
    store, program, monkeypatch, tmp_path
):
    kill(program)
    on_another_host(store)
    monkeypatch.setattr(mounts, "SHARED", ())
    assert [one.outcome for one in running(died=True)] == ["died"]
    monkeypatch.setattr(mounts, "SHARED", (mounts.mounted(store.root)[0],))
    assert [one.outcome for one in running(died=True)] == ["running"]
    (staging,) = store.root.glob("tmp/*-train")
    old = staging.stat().st_mtime - SILENCE
    os.utime(staging, (old, old))
    assert [one.outcome for one in running(died=True)] == ["died"]


@pytest.mark.parametrize("ref", ["train", TRAIN.dref, TRAIN.dref.digest[:8]])
def test_what_runs_in_another_process_is_stopped(store, program, ref):
    (stopped,) = stop(ref)
    assert stopped == ps.attempts(TRAIN.dref)[0]
    assert (stopped.outcome, stopped.metrics) == ("stopped", {"accuracy": 0.25, "loss": 0.5})
    assert str(stopped.notes["stopped by"]).endswith(f" on {os.uname().nodename}")
    assert program.wait(60) != 0
    assert [n for n in os.listdir(store.parts.layout.attempts(TRAIN.dref)) if "stop" in n] == []


def test_who_does_not_wait_is_told_that_it_still_runs(store, program):
    program.send_signal(signal.SIGSTOP)
    (asked,) = stop("train", timeout=0)
    assert asked.outcome == "running"
    kill(program)
    (died,) = ps.attempts(TRAIN.dref)
    assert died.outcome == "died"


def test_a_stage_may_catch_the_exception_and_succeed(store):
    found: list[Attempt] = []
    asking = threading.Thread(target=lambda: found.extend(stop("catches", store=store)))

    def catches(b):
        asking.start()
        try:
            threading.Event().wait(60)
        except KeyboardInterrupt:
            ps.build_note(b, "saved", True)

    rref = ps.realize(Derivation({"name": "catches"}, match_latest(), catches))
    asking.join()
    assert found == ps.attempts(rref)
    assert (found[0].outcome, found[0].notes["saved"]) == ("succeeded", True)
    assert [n for n in os.listdir(store.parts.layout.attempts(rref.dref)) if "stop" in n] == []


def test_stopping_what_does_not_run_is_an_error(store):
    ps.realize(TRAIN)
    with pytest.raises(NotInStore, match="no such attempt runs"):
        stop("train")
    with pytest.raises(NotInStore):
        stop("nothing")
    with pytest.raises(BadStage, match="timeout"):
        stop("train", timeout=-1)
