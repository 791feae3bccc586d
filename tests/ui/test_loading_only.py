"""Loading only: files that train or block while they are loaded."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pystore import Store
from pystore.core.errors import BadStage
from pystore.ui.cli.frames import frames
from pystore.ui.cli.loading_only import load_only

STAGE = """
from pystore import output, realize, stage
@stage
def train(o=output("o")):
    o.write_text("")
"""
TRIES = """
try:
    import only_slow
except ImportError:
    pass
"""


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    before = {*sys.modules}
    yield
    for name in {*sys.modules} - before:
        if "only" in name:
            del sys.modules[name]


def written(folder: Path, text: str, name: str = "only_one.py") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_LB1_a_file_that_trains_at_its_top_is_named_with_its_line(store: Store, tmp_path: Path):
    file = written(tmp_path, f"{STAGE}\nrealize(train())\n")
    with pytest.raises(BadStage, match="only loaded") as refused:
        load_only(file)
    assert "only_one.py:7 in <module>\n  realize(train())" in frames(refused.value)
    assert "__main__" in refused.value.remedy
    assert store.drefs() == []


def test_LB1_what_is_under_a_main_guard_does_no_harm(store: Store, tmp_path: Path):
    file = written(tmp_path, f'{STAGE}\nif __name__ == "__main__":\n    realize(train())\n')
    assert "train" in load_only(file).stages


def test_LB1_a_file_that_blocks_is_named_with_its_line(store: Store, tmp_path: Path):
    file = written(tmp_path, "import threading\n\nthreading.Event().wait(60)\n", "only_two.py")
    with pytest.raises(BadStage, match="blocks while it is loaded") as refused:
        load_only(file, long=0.2)
    assert f"{file}:3" in str(refused.value)


def test_LB1_an_import_may_take_its_time(store: Store, tmp_path: Path):
    written(tmp_path, "import time\ntime.sleep(1.2)\n", "only_slow.py")
    assert load_only(written(tmp_path, TRIES, "only_three.py"), long=0.1)
