"""Fixtures: a program with a model, as its user writes it, loaded as a module of its own."""

import importlib
import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from pystore.app import Dataset, Model
from helpers import accuracy

dataset = Dataset("flowers", targets=["kind"], test_size=0.25)
model = Model("classifier", dataset=dataset)

@dataset.reader
def reader(rows: int = 80) -> pd.DataFrame:
    random = np.random.RandomState(0)
    x = random.normal(size=(rows, 3)) + np.arange(rows)[:, None] % 2 * 2
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    return frame.assign(kind=np.arange(rows) % 2)

@dataset.feature_transformer
def scaled(features: pd.DataFrame) -> pd.DataFrame:
    return features * 2.0

@model.init
def init(hyperparameters: dict) -> Pipeline:
    steps = [("scale", StandardScaler()), ("fit", LogisticRegression())]
    return Pipeline(steps).set_params(**hyperparameters)

@model.trainer
def trainer(estimator: Pipeline, features: pd.DataFrame, target: pd.DataFrame) -> Pipeline:
    return estimator.fit(features, target.squeeze())  # fits

@model.evaluator
def evaluator(estimator: Pipeline, features: pd.DataFrame, target: pd.DataFrame) -> float:
    return accuracy(target.squeeze(), estimator.predict(features))

@model.predictor
def predictor(estimator: Pipeline, features: pd.DataFrame) -> list[int]:
    return [int(one) for one in estimator.predict(features)]
"""
HELPERS = """
def accuracy(truth, predicted):
    return float((truth.to_numpy() == predicted).mean())
"""

Load = Callable[..., ModuleType]
_folders = itertools.count()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Imports the program from a folder of its own, after edits (before, after) of its text."""

    def load(*edits: tuple[str, str], program: str = PROGRAM) -> ModuleType:
        folder = tmp_path / f"project-{next(_folders)}"
        folder.mkdir()
        for name, text in {"flowers": program, "helpers": HELPERS}.items():
            for before, after in edits:
                text = text.replace(before, after)
            (folder / f"{name}.py").write_text(textwrap.dedent(text))
            sys.modules.pop(name, None)
        monkeypatch.syspath_prepend(str(folder))
        return importlib.import_module("flowers")

    yield load
    for name in ("flowers", "helpers"):
        sys.modules.pop(name, None)
