"""Fixtures: commands in this process, on a store or in a folder with a program of a small model."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from small_store import make

from pystore.store.current import ProcessWide
from pystore.store.defaults import InForce
from pystore.store.store import Store
from pystore.ui.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAM = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from pystore.app import Dataset, Model

dataset = Dataset("flowers", targets=["kind"], test_size=0.25)
model = Model("classifier", LogisticRegression, dataset=dataset)

@dataset.reader
def reader(rows: int = 80) -> pd.DataFrame:
    random = np.random.RandomState(0)
    x = random.normal(size=(rows, 2)) + np.arange(rows)[:, None] % 2
    return pd.DataFrame(x, columns=["a", "b"]).assign(kind=np.arange(rows) % 2)

@model.trainer
def trainer(estimator, features, target):
    return estimator.fit(features, target.squeeze())

@model.evaluator
def evaluator(estimator, features, target):
    return float((target.squeeze() == estimator.predict(features)).mean())

@model.predictor
def predictor(estimator, features):
    return [int(one) for one in estimator.predict(features)]

if __name__ == "__main__":
    model.train({"C": 1.0})
"""


class Folder:
    """Runs commands in a folder: their code, output and errors."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys

    @property
    def store(self) -> Store:
        """The store of the commands."""
        return Store(self.path / "store", durable=False)

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        """Runs a command, each time with the file as it is now."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(str(self.path)):
                del sys.modules[name]
        code = main.run([*map(str, arguments)])
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
def call(
    store: Store, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command on the scratch store: its code, output and errors."""
    monkeypatch.setenv("PYSTORE_ROOT", str(store.root))

    def called(*arguments: object) -> tuple[int, str, str]:
        code = main.run([*map(str, arguments)])
        return code, *capfd.readouterr()

    return called


@pytest.fixture
def pystore(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command on the store of `small_store`: its code, output and errors."""
    make(tmp_path / "store")
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "store"))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run([*arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium without a screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root, as in a container, has no sandbox.
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Folder]:
    """A folder with the program, in which commands run."""
    (tmp_path / "app.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "store"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.setattr(InForce, "defaults", InForce.defaults)
    found = Folder(tmp_path, capsys)
    yield found
    sys.modules.pop("app", None)
    if (tmp_path / "store").exists():
        found.store.destroy()


@pytest.fixture
def trained(folder: Folder) -> Folder:
    """The same, with two trainings, the better one first."""
    for c in ("1.0", "1e-9"):
        code, _, err = folder("run", "app.py:model", "-p", f"C={c}")
        assert code == 0, err
    return folder
