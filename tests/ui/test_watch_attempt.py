"""pystore watch: the numbers of an attempt while it runs."""

import json
import subprocess

import pytest
from command import PROGRAM, environment, in_terminal, pystore_command
from training import training

from pystore import Store, attempts


def watching(store: Store, *options: str) -> "subprocess.Popen[str]":
    command = [*PROGRAM, "--store", str(store.root), "watch", "train", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())


def test_elsewhere_than_on_a_terminal_each_number_is_a_line_as_it_comes(store):
    with training(store) as (one, made), watching(store) as watch:
        assert watch.stdout is not None
        first = [watch.stdout.readline() for _ in range(4)]
        one.go.set()
        rest = watch.stdout.read().splitlines()
    assert first == [
        "loss=0.5 (step 0)\n", "loss=0.25 (step 1)\n", "diverged=nan (step 0)\n", "accuracy=0.75\n"
    ]  # fmt: skip
    assert rest[0] == "loss=0.125 (step 2)"
    assert rest[1].startswith("succeeded in ")
    assert rest[1].endswith(made.result())
    assert (watch.returncode, len(rest)) == (0, 2)


def test_programs_get_an_object_a_line(store):
    with training(store) as (one, made), watching(store, "--json") as watch:
        assert watch.stdout is not None
        first = json.loads(watch.stdout.readline())
        one.go.set()
        *told, end = map(json.loads, watch.stdout.read().splitlines())
    assert first == {"name": "loss", "value": 0.5, "step": 0}
    assert told[1] == {"name": "diverged", "value": None, "step": 0}
    assert told[-1] == {"name": "loss", "value": 0.125, "step": 2}
    assert end == {
        "outcome": "succeeded", "rref": made.result(), "error": None,
        "metrics": {"loss": 0.125, "accuracy": 0.75},
    }  # fmt: skip


def test_a_terminal_shows_a_row_for_each_metric_with_its_course(store, tmp_path):
    with training(store) as (one, _):
        child = in_terminal("--store", store.root, "watch", "train", cwd=tmp_path)
        child.expect(r"train dref:.* runs for .* process \d+")
        child.expect("loss +1 +0.25 +0.25 +0.5 +█▁")
        one.go.set()
        child.expect("loss +2 +0.125 +0.125 +0.5 +█.▁")
        child.expect("succeeded in")
        child.expect(child.crlf)
        child.wait()
    assert child.exitstatus == 0


@pytest.mark.parametrize("options", [[], ["--attempt", "0"]], ids=["newest", "by number"])
def test_of_one_that_has_ended_all_is_shown(store, options):
    with training(store) as (one, made):
        one.go.set()
        made.result()
    done = pystore_command("--store", store.root, "watch", "train", *options)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["loss=0.5 (step 0)", "loss=0.25 (step 1)"]
    assert lines[-2] == "accuracy=0.75"
    assert lines[-1].startswith("succeeded in ")
    assert attempts(one.derivation.dref)[0].rref in lines[-1]


def test_what_is_not_there_is_an_error(store):
    done = pystore_command("--store", store.root, "watch", "train")
    assert (done.returncode, done.stdout) == (2, "")
