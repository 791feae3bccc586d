"""What code ran is shown as text, and how it changed, line by line."""

import importlib.util
import json
import linecache
import subprocess
import sys
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, match_latest
from pystore.ask.inspection.difference import difference
from pystore.ask.inspection.ran_code import code_of
from pystore.core.kept_code import part_digest
from pystore.core.realizer import Realizer
from pystore.declare.identity.by_hand import source_digest
from pystore.store.defaults import change_defaults
from pystore.ui.cli import main

PROGRAM = '''
from pystore import output, stage

RATE = 0.5


class Scale:
    """A class."""

    by = 2


def scale(x, more=0):
    # multiplies
    return x * RATE * Scale.by + more


@stage
def train(x=4, result=output("result.txt")):
    result.write_text(f"{scale(x)}")
'''


def load(tmp_path, text):
    """The program as a module of its own."""
    path = tmp_path / "program.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("program", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["program"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def forgetting():
    yield
    sys.modules.pop("program", None)
    change_defaults(keeps_code=lambda: True)


def run(tmp_path, text=PROGRAM):
    return ps.realize(load(tmp_path, text).train())


def test_each_part_of_the_code_is_shown_as_it_stood(store, tmp_path):
    found = code_of(run(tmp_path), store)
    lines = {part.name: part.text.lines for part in found.parts}
    assert lines["scale"] == [
        "def scale(x, more=0):", "    # multiplies", "    return x * RATE * Scale.by + more",
    ]  # fmt: skip
    assert lines["Scale"] == ["class Scale:", '    """A class."""', "", "    by = 2"]
    assert lines["RATE"] == ["0.5"]
    assert {p.name: p.kind for p in found.parts}["Scale"] == "class"
    assert all(part_digest(part.text.text) == part.digest for part in found.parts)


def test_a_hand_written_realizer_is_shown(store):
    def write(b):
        (b.outpath / "x").write_text("1")  # one

    rref = ps.realize(Derivation({"name": "x"}, match_latest(), write))
    (part,) = code_of(rref, store).parts
    assert part.text.lines == [
        "def write(b):", '    (b.outpath / "x").write_text("1")  # one',
    ]  # fmt: skip


def test_a_file_that_was_edited_since_it_was_loaded_is_not_kept(store, tmp_path):
    text = "def write(b):\n    (b.outpath / 'x').write_text('1')\n"
    write = load(tmp_path, text).write
    source_digest(Realizer(write))
    (tmp_path / "program.py").write_text(text.replace("1", "22"))
    linecache.checkcache()
    rref = ps.realize(Derivation({"name": "x"}, match_latest(), write))
    assert [part.text for part in code_of(rref, store).parts] == [None]
    assert ps.verify(store).sound


def test_the_changed_lines_are_shown(store, tmp_path):
    old = run(tmp_path)
    new = run(tmp_path, PROGRAM.replace("+ more", "- more").replace("0.5", "0.25"))
    found = {one.key: [*one.lines[3:]] for one in difference(old, new, store).code}
    assert found == {
        "RATE": ["-0.5", "+0.25"],
        "scale": [
            " def scale(x, more=0):",
            "     # multiplies",
            "-    return x * RATE * Scale.by + more",
            "+    return x * RATE * Scale.by - more",
        ],
    }
    json.dumps(difference(old, new, store).to_dict())


def test_where_the_lines_are_equal_the_hashed_text_is_compared(store, tmp_path):
    text = PROGRAM + "\n\nscale.by_hand = %s\n"
    old, new = (run(tmp_path, text % one) for one in (1, 2))
    (changed,) = difference(old, new, store).code
    assert changed.key == "scale"
    assert [line for line in changed.lines[2:] if line[0] in "+-"] == [
        "-attributes dict{'by_hand':1}", "+attributes dict{'by_hand':2}",
    ]  # fmt: skip


def test_explain_shows_the_lines_before_anything_is_built(store, tmp_path):
    run(tmp_path)
    target = load(tmp_path, PROGRAM.replace("+ more", "- more")).train()
    told = ps.explain(target)
    assert told.lines[:2] == ("--- scale", "+++ scale")
    assert "+    return x * RATE * Scale.by - more" in told.lines
    ps.realize(target)
    assert ps.explain(target.dref).lines == told.lines
    assert told.to_dict()["lines"] == [*told.lines]


def test_nothing_is_kept_where_the_settings_say_so(store, tmp_path):
    change_defaults(keeps_code=lambda: False)
    rref = run(tmp_path)
    assert [*(store.root / "code").iterdir()] == []
    found = code_of(rref, store)
    assert [part.text for part in found.parts] == [None] * len(found.parts) != []
    assert found.to_dict()["parts"][0]["source"] is None


def test_code_is_kept_for_what_workers_run(store, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = load(tmp_path, PROGRAM)
    with ps.Workers(1) as workers:
        rref = ps.realize(module.train(), executor=workers)
    assert all(part.text for part in code_of(rref, store).parts)


def test_what_ran_nowhere_has_no_code(store):
    store.record([ps.Config({"name": "x"})])
    with pytest.raises(ps.errors.NotInStore, match="no attempt"):
        code_of(ps.Config({"name": "x"}).dref, store)


# --- at the command line ---------------------------------------------------------------


def test_show_prints_code_and_patch(store, tmp_path, monkeypatch, capsys):
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    Path("notes.txt").write_text("one\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    Path("notes.txt").write_text("two\n")
    rref = run(tmp_path)
    command = ["--store", str(store.root), "show", rref]
    assert main.run([*command, "--patch"]) == 0
    patch = capsys.readouterr().out
    assert "-one\n+two\n" in patch
    assert main.run([*command, "--code"]) == 0
    shown = capsys.readouterr().out
    assert "scale  function of program.py\n    def scale(x, more=0):\n" in shown
    assert main.run([*command, "--code", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["patch"].strip() == patch.strip()
    assert {part["name"] for part in told["parts"]} == {"train", "scale", "RATE", "Scale"}
    assert main.run([*command, "--code", "--patch"]) == 2


def test_show_tells_of_a_patch_that_was_not_kept(store, tmp_path, capsys):
    rref = run(tmp_path)
    (attempt,) = store.attempts(rref.dref)
    for path in (store.root / "drv").glob("*/attempts/*.diff"):
        path.unlink()
    code = main.run(["--store", str(store.root), "show", rref, "--patch"])
    assert (code == 2) == ("git diff" in attempt.versions)


def test_the_changed_lines_of_a_hand_written_realizer_are_shown(store):
    def one(b):
        (b.outpath / "x").write_text("1")

    old = ps.realize(Derivation({"name": "x", "n": 1}, match_latest(), one))

    def one(b):
        (b.outpath / "x").write_text("2")

    new = ps.realize(Derivation({"name": "x", "n": 2}, match_latest(), one))
    (changed,) = difference(old, new, store).code
    assert [*changed.lines[-2:]] == [
        '-    (b.outpath / "x").write_text("1")', '+    (b.outpath / "x").write_text("2")',
    ]  # fmt: skip
