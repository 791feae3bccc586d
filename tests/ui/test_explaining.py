"""pystore explain, and what `run --dry-run` says: in golden text."""

import json
import re

import pytest
from command import pystore_command

FILE = """
from pystore import output, stage

def augment(x):
    return x + 1

@stage
def prepare(n: int = 1, file=output("data.txt")):
    file.write_text(str(augment(n)))

@stage
def train(data=prepare(), epochs: int = 1, accuracy=output("accuracy.txt")):
    accuracy.write_text(f"{int(data.file.read_text()) * epochs}")
"""


@pytest.fixture
def call(tmp_path):
    """Runs the command beside `exp.py`, whose text `edit` gives; shows digests as ….

    Returns what it printed.
    """
    (tmp_path / "exp.py").write_text(FILE)

    def called(*arguments, code=0):
        root = str(tmp_path / "store")
        done = pystore_command(*arguments, cwd=tmp_path, PYSTORE_ROOT=root)
        assert done.returncode == code, done.stderr
        return re.sub(r"\b[0-9a-f]{32}\b", "…", done.stdout if code == 0 else done.stderr)

    return called


def edit(tmp_path, *replace):
    (tmp_path / "exp.py").write_text(FILE.replace(*replace))


def test_a_file_is_explained_before_anything_is_built(call, tmp_path):
    assert call("explain", "exp.py") == (
        "dref:…-train\n  will build: no realization in this context\n"
    )
    assert not (tmp_path / "store").exists()


def test_a_file_is_explained_down_to_what_changed(call, tmp_path):
    call("run", "exp.py", "-q")
    assert call("explain", "exp.py") == "dref:…-train\n  up to date\n"
    told = "new because `epochs` 1 → 3; 1 realization exists for the old value"
    assert call("explain", "exp.py:train", "-p", "epochs=3") == f"dref:…-train\n  {told}\n"
    edit(tmp_path, "x + 1", "x + 2")
    why = "new because `prepare()` changed: function `augment` in `exp.py`"
    assert call("explain", "exp.py") == (
        f"dref:…-train\n  input prepare will be rebuilt, this may follow\n    prepare: {why}\n"
    )
    assert call("run", "--dry-run", "exp.py") == (
        f"prepare  build 1    {why}\n"
        "train    may build  input prepare will be rebuilt, this may follow\n"
        "1 to build, 1 may follow\n"
    )


LINES = """\
    augment
      @@ -1,2 +1,2 @@
       def augment(x):
      -    return x + 1
      +    return x * 7
"""


def test_a_reference_is_explained_from_the_records_alone(call, tmp_path):
    call("run", "exp.py", "-q")
    edit(tmp_path, "x + 1", "x * 7")
    call("run", "exp.py", "-q")
    why = "new because `prepare()` changed: function `augment` in `exp.py`"
    (tmp_path / "exp.py").unlink()
    assert call("explain", "prepare@latest") == f"dref:…-prepare\n  {why}\n" + LINES
    told = f"dref:…-train\n  new because its input `data` changed\n    prepare: {why}\n"
    assert call("explain", "train@latest").startswith(told)


BY_HAND = """
from pystore import build_outpath, build_wrapper, match_latest, mkdrv

def write(b):
    (build_outpath(b) / "n.txt").write_text("1")

def model(m):
    return mkdrv(m, {"name": "model"}, match_latest(), build_wrapper(write))
"""


def test_what_builds_edited_code_by_hand_again_is_an_option(call, tmp_path):
    (tmp_path / "hand.py").write_text(BY_HAND)
    call("run", "hand.py", "-q")
    (tmp_path / "hand.py").write_text(BY_HAND.replace('"1"', '"2"'))
    for command in (["run", "-n"], ["explain"]):
        assert "--force model, builds it again" in call(*command, "hand.py")
    assert call("run", "-q", "--force", "model", "hand.py").startswith("hand.py:model: 1 built\n")


def test_json_has_one_object_a_target(call):
    call("run", "exp.py", "-q")
    (told,) = json.loads(call("explain", "exp.py", "-p", "epochs=2", "--json"))
    assert told == {
        "dref": "dref:…-train",
        "nearest": "dref:…-train",
        "reasons": ["new because `epochs` 1 → 2; 1 realization exists for the old value"],
        "kind": "parameters-changed",
        "lines": [],
    }
    (told,) = json.loads(call("explain", "train", "--json"))
    assert told["reasons"] == ["nothing named train was built here before"]


def test_two_inputs_of_one_name_are_told_apart(call, tmp_path):
    (tmp_path / "exp.py").write_text(
        FILE + "\n@stage\ndef both(a=train(), b=train(epochs=2)): ...\n"
    )
    call("run", "exp.py", "-q")
    text = (tmp_path / "exp.py").read_text()
    (tmp_path / "exp.py").write_text(text.replace("* epochs", "+ epochs"))
    told = call("explain", "exp.py")
    labels = set(re.findall(r"(train\S*): new because `train\(\)` changed", told))
    assert len(labels) == 2 and all(label in call("run", "-n", "exp.py") for label in labels)


def test_a_file_that_fails_is_told_with_the_place(call, tmp_path):
    (tmp_path / "exp.py").write_text("def model(m):\n    return 1 / 0\n")
    assert "  at:       exp.py:2 in model\n" in call("explain", "exp.py", code=2)
    (tmp_path / "exp.py").write_text("import nothing_of_this_name\n")
    assert "  at:       exp.py:1 in <module>\n" in call("explain", "exp.py", code=2)
    assert "try: name one that is there: FILE.py" in call("explain", "nope.py", code=2)


def test_mistakes_are_told(call):
    assert "no store is here" in call("explain", "train", code=2)
    call("run", "exp.py", "-q")
    assert "-p goes with FILE.py" in call("explain", "train", "-p", "epochs=2", code=2)
    assert "no stage of this name" in call("explain", "exp.py:tarin", code=2)
    assert re.search("similar: +train\\n", call("explain", "trian", code=2))
