"""Commands that look into a store, against what the demos really make (those without TensorFlow).

`golden/demos.txt` shows what they print; hashes, times, sizes and what a library computes are
masked. After a change that is meant, write it anew and read the difference:

    PYSTORE_GOLDEN=write python -m pytest tests/ui/test_look_at_demos.py; git diff tests/ui/golden
"""

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import pystore_command
from project import PROJECT

from pystore import RRef, Store, attempts, pin
from pystore.ui.cli.commands import COMMANDS
from pystore.ui.cli.main import run

GOLDEN = Path(__file__).parent / "golden" / "demos.txt"
LINES = """ls; ls train --code any; ls dref:DIGITS; ls until; show until; show digits; tree until
path large; cat until accuracy.txt; find --name '*.npz'; find until; log; log -n 1 digits
logs until; metrics train --code any; metrics train --code any --over width; diff small large
diff until large; explain large; explain until; graph large; graph large --mermaid
du; du --by realization digits"""

_MASKS = {
    r"(seed +)\d+": r"\1SEED",
    r"(?<=[@:])[0-9a-f]{6,}|\b(?=[a-f]*\d)[0-9a-f]{6,}\b": "#",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ": "TIME",
    r"\b[\d.]+ (s|min|B|kB)\b": "SOME",
    r"(host +)\S+, process \d+": r"\1HOST",
    r"^(best of \d+ by its mean: ).*": r"\1…",
    r"^versions\n(  .*\n)*": "versions\n  …\n",
    r"\b(?!(?:0\.003|0\.01|0\.1)\b)\d+\.\d+\b": "NUMBER",  # but for the parameters
    r"\[-?NUMBER, NUMBER\]": "[INTERVAL]",
    r"^ +(?=SOME)": "",
    r"^ +(?=\S)": "  ",
    r"(?<=\S) {2,}": "  ",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[Store]:
    """A store with what two demos make, which both call a stage `train`."""
    pytest.importorskip("sklearn")
    root = tmp_path_factory.mktemp("demos") / "store"
    for target in ("sweep.py:RUNS", "until.py"):
        done = pystore_command("run", "-q", "--store", root, PROJECT / "demos" / target)
        assert done.returncode == 0, done.stderr
    store = Store(root)
    for name, values in {
        "small": {"learning_rate": 0.003, "width": 16},
        "large": {"learning_rate": 0.1, "width": 64},
        "until": {"learning_rate": 0.01, "width": None},
    }.items():
        pin(_of(store, values), name, store=store)  # type: ignore[arg-type]  # not changed
    yield store
    store.destroy()


def _of(store: Store, values: dict[str, object]) -> RRef:
    """The realization that was trained with these parameters."""
    for dref in store.drefs():
        config = store.config(dref)
        if all(config.get(key) == value for key, value in values.items()):
            (attempt,) = attempts(dref, store=store)
            assert attempt.rref is not None
            return attempt.rref
    raise AssertionError(f"nothing was trained with {values}")


@pytest.fixture
def call(made, capfd, monkeypatch):
    monkeypatch.setenv("PYSTORE_ROOT", str(made.root))
    digits = next(dref.digest[:8] for dref in made.drefs() if dref.name == "digits")

    def called(line: str, *more: str) -> str:
        code = run([*shlex.split(line.replace("DIGITS", digits)), *more])
        printed = capfd.readouterr()
        assert (code, printed.err) == (0, "")
        return printed.out

    return called


def masked(text: str, store: Store) -> str:
    text = text.replace(str(store.root), "STORE")
    for pattern, mask in _MASKS.items():
        text = re.sub(pattern, mask, text, flags=re.M)
    return text


def test_each_command_that_looks_is_tried():
    tried = {line.split()[0] for line in re.split("; |\n", LINES)}
    # The demos here have no model, and nothing runs.
    elsewhere = {"compare", "errors", "get", "ps", "replay", "ui", "watch"}
    assert tried | elsewhere == set(COMMANDS["Look"])


def test_they_say_of_the_demos_what_the_golden_file_shows(call, made):
    lines = re.split("; |\n", LINES)
    text = "\n".join(f"$ pystore {line}\n{masked(call(line), made)}" for line in lines)
    if os.environ.get("PYSTORE_GOLDEN") == "write":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


@pytest.mark.parametrize("line", [line for line in re.split("; |\n", LINES) if "--m" not in line])
def test_in_json_they_say_it_as_a_list_of_objects(line, call):
    records = json.loads(call(line, "--json"))
    assert isinstance(records, list) and all(isinstance(one, dict) for one in records)
