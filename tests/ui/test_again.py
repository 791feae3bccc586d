"""pystore accept and replay: an earlier result, and a stage of a file as it is now."""

import json

import pytest
from command import pystore_command

FILE = """
import os
from pystore import output, stage

@stage
def prepare(n: int = 1, file=output("data.txt")):
    file.write_text(str(n))

@stage
def train(build, data=prepare(), epochs: int = 1, accuracy=output("accuracy.txt")):
    print("training")
    accuracy.write_text(f"{build.seed} {os.environ.get('LUCK', '')}")
"""


@pytest.fixture
def call(tmp_path):
    """Runs the command beside `exp.py`; returns its code, output and errors."""
    (tmp_path / "exp.py").write_text(FILE)

    def called(*arguments, **env):
        root = str(tmp_path / "store")
        done = pystore_command(*arguments, cwd=tmp_path, PYSTORE_ROOT=root, **env)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    assert called("run", "exp.py", "-q")[0] == 0
    return called


def test_a_replay_says_whether_the_bytes_agree(call):
    code, out, _ = call("replay", "train", "exp.py")
    assert (code, "the same bytes again, with seed" in out) == (0, True)
    (told,) = json.loads(call("replay", "train", "exp.py:train", "--json")[1])
    assert (told["agrees"], told["differing"]) == (True, [])
    code, out, _ = call("replay", "train", "exp.py", LUCK="bad")
    assert (code, "in accuracy.txt" in out) == (1, True)
    (told,) = json.loads(call("replay", "train", "exp.py", "--json", LUCK="bad")[1])
    assert (told["agrees"], told["differing"]) == (False, ["accuracy.txt"])
    assert len(json.loads(call("log", "train", "--json")[1])) == 1


def test_a_replay_of_another_stage_is_refused(call):
    code, _, err = call("replay", "train", "exp.py", "-p", "epochs=2")
    assert (code, err.splitlines()[0]) == (
        2, "pystore: no attempt of this derivation made that"
    )  # fmt: skip


def test_a_replay_that_fails_shows_the_line(call, tmp_path):
    text = FILE.replace('print("training")', 'print("training", 1 / int(os.environ["ZERO"]))')
    (tmp_path / "exp.py").write_text(text)
    assert call("run", "exp.py", "-q", ZERO="1")[0] == 0
    code, out, err = call("replay", "train", "exp.py", ZERO="0")
    assert (code, out) == (1, "")
    assert err.startswith("pystore: ZeroDivisionError: division by zero\n  at:  exp.py:11 in train")


def test_what_was_accepted_counts_and_nothing_is_trained(call, tmp_path):
    (tmp_path / "exp.py").write_text(FILE.replace("epochs: int = 1", "epochs: int = 1, neutral=0"))
    code, out, _ = call("accept", "train", "exp.py")
    assert code == 0
    assert out.startswith("accepted rref:")
    assert "2 up to date" in call("run", "exp.py", "-q")[1]
    (told,) = json.loads(call("accept", "train", "exp.py", "--json")[1])
    assert set(told) == {"rref", "path", "metrics"}


def test_a_stage_by_hand_is_accepted_with_its_inputs(call, tmp_path):
    (tmp_path / "hand.py").write_text("""
from pystore import build_outpath, build_wrapper, match_latest, mkdrv

def write(b):
    (build_outpath(b) / "n.txt").write_text("1")

def data(m):
    return mkdrv(m, {"name": "data"}, match_latest(), build_wrapper(write))

def model(m):
    return mkdrv(m, {"name": "model", "data": data(m)}, match_latest(), build_wrapper(write))
""")
    assert call("accept", "train", "hand.py:model")[0] == 0
    assert "2 up to date" in call("run", "hand.py:model", "-q")[1]


@pytest.mark.parametrize("command", ["accept", "replay"])
def test_mistakes_are_told(command, call):
    for arguments, says in (
        (["nothing", "exp.py"], "nothing here is called so"),
        (["train", "no.py"], "no such file"),
        (["train", "exp.py:none"], "no stage of this name in exp.py"),
        (["train", "exp.py", "-p", "epochs=1", "-p", "epochs=2"], "declares 2 targets"),
        (["train", "exp.py", "-p", "speed=1"], "train has no parameter speed"),
    ):
        code, out, err = call(command, *arguments)
        assert (code, out) == (2, "")
        assert says in err.splitlines()[0]
