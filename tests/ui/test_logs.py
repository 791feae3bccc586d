"""pystore log and logs: what attempts printed, also while they run, and of what was adopted."""

import json
import signal
import subprocess
import time

import pytest
from command import PROGRAM, environment, pystore_command

from pystore import Store, build_outpath, build_wrapper, match_latest, realize
from pystore.ask.inspection.attempts import Log
from pystore.core.derivation import Derivation

SLOW = """
import os
import time
from pathlib import Path

from pystore import stage

@stage
def slow():
    print("begins", flush=True)
    while not Path("go").exists():
        time.sleep(0.01)
    if Path("go").read_text() == "die":
        os.abort()
    print("ends")
"""


def prepare(version: str) -> Derivation:
    def write(b):
        (build_outpath(b) / "data.txt").write_text("the same")

    config = {"name": "prepare", "version": version}
    return Derivation(config, match_latest(), build_wrapper(write))


def train(version: str) -> Derivation:
    def write(b):
        print("training")
        (build_outpath(b) / "accuracy.txt").write_text("0.5")

    config = {"name": "train", "data": [prepare(version), "data.txt"]}
    return Derivation(config, match_latest(), build_wrapper(write))


@pytest.mark.parametrize(
    ("printed", "last"),
    [
        (b"one\ntwo\n", "two"),
        (b"one\n 10 %\r 20 %\r\n\n", "20 %"),
        (b"\xff\n", "\ufffd"),
        (b"x" * 9000, "x" * 8192),
        (b"\n \n", ""),
        (b"", ""),
    ],
    ids=["lines", "a bar", "no text", "a long line", "blank", "empty"],
)
def test_the_last_line_of_a_log(tmp_path, printed, last):
    log = Log(None, tmp_path / "a.log")
    assert log.last_line == ""
    log.path.write_bytes(printed)
    assert log.last_line == last


def test_a_log_that_is_a_link_is_not_read(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "a.log").symlink_to("secret")
    assert Log(None, tmp_path / "a.log").last_line == ""


def test_an_attempt_that_printed_nothing_has_an_empty_log(call):
    dref = realize(prepare("v1"), capture=True).dref
    assert call("logs", "prepare") == (0, "", "")
    code, out, _ = call("logs", "prepare", "--json")
    (record,) = json.loads(out)
    assert (code, record["dref"], record["text"], record["path"]) == (0, dref, "", None)


def test_what_was_adopted_is_marked_and_has_the_log_of_the_original(call):
    for version in ("v1", "v2", "v3"):  # the third may be adopted from the second
        rref = realize(train(version), capture=True)
    assert call("logs", rref) == (0, "training\n", "")
    outcomes = [row.split()[4] for row in call("log", "train")[1].splitlines()[1:]]
    assert outcomes.count("succeeded") == 1 and {*outcomes} == {"succeeded", "adopted"}
    records = json.loads(call("log", "train", "--json")[1])
    assert {record["outcome"] for record in records} == {"succeeded"}


def test_following_is_no_json(call):
    realize(prepare("v1"))
    code, _, err = call("logs", "prepare", "--follow", "--json")
    assert code == 2 and "--follow" in err


@pytest.mark.parametrize(("word", "last"), [("go", b"ends\n"), ("die", b"")])
def test_a_log_is_followed_until_the_attempt_ends(word, last, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    env = environment(PYSTORE_ROOT=str(tmp_path / "store"))
    building = subprocess.Popen(
        [*PROGRAM, "run", "-q", "slow.py"], cwd=tmp_path, env=env, stderr=subprocess.DEVNULL
    )
    while not list(tmp_path.glob("store/drv/*-slow/attempts/*.log")):
        time.sleep(0.01)
    following = subprocess.Popen(
        [*PROGRAM, "logs", "-f", "slow"], cwd=tmp_path, env=env, stdout=subprocess.PIPE
    )
    assert following.stdout is not None
    assert following.stdout.readline() == b"begins\n"
    assert pystore_command("logs", "slow", cwd=tmp_path, **env).stdout == "begins\n"
    assert following.poll() is None
    (tmp_path / "go").write_text(word)
    assert building.wait(60) == (0 if word == "go" else -signal.SIGABRT)
    out, _ = following.communicate(timeout=60)
    assert out[-5:] == last if last else b"ends" not in out
    assert following.returncode == 0
    if (tmp_path / "store").exists():
        Store(tmp_path / "store").destroy()
