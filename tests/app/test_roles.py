"""The roles of functions, as type checkers and programs see them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from project import PROJECT, importing

from pystore.app import Dataset, Model
from pystore.errors import BadStage

RIGHT = '''
"""A program, as its user writes it."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from pystore import match_best, realize, sweep
from pystore.app import BadFeatures, Dataset, Loaded, Model, Run, digit

Floats = NDArray[np.float64]
Part = tuple[Floats, Floats]


class Mean:
    def __init__(self, scale: float = 1.0) -> None:
        self.scale, self.value = scale, 0.0


dataset = Dataset("digits", targets=["class"], test_size=0.2)
model = Model("classifier", Mean, dataset=dataset, matcher=match_best("test"))


@dataset.reader(cache=True, cache_version="1")
def reader(rows: int = 100) -> Part:
    return np.zeros((rows, 784)), np.zeros(rows)


@dataset.loader
def loader(data: Part) -> Part:
    return data


@dataset.splitter()
def splitter(data: Part, test_size: float, shuffle: bool, random_state: int) -> list[Part]:
    return [data, data]


@dataset.parser
def parser(data: Part, features: list[str], targets: list[str]) -> Part:
    return data


@dataset.feature_transformer
def transformer(features: Floats) -> Floats:
    return features / 255


@dataset.feature_loader(pad=True)
def feature_loader(data: bytes) -> Floats | None:
    found: Floats | None = digit(data)
    return found


@model.init
def init(hyperparameters: dict[str, Any]) -> Mean:
    return Mean(**hyperparameters)


@model.trainer(cache=True, cache_version="1")
def trainer(estimator: Mean, features: Floats, target: Floats, *, epochs: int = 3) -> Mean:
    estimator.value = float(target.mean())
    return estimator


@model.evaluator
def evaluator(estimator: Mean, features: Floats, target: Floats) -> dict[str, float]:
    return {"error": float(np.abs(target - estimator.value).mean())}


@model.predictor
def predictor(estimator: Mean, features: Floats) -> list[float]:
    return [estimator.value] * len(features)


@model.saver
def saver(estimator: Mean, file: Any) -> None:
    file.write_text(str(estimator.value))


@model.loader()
def loads(file: Any) -> Mean:
    return Mean(float(file.read_text()))


x, mean = np.zeros((3, 2)), Mean()
assert_type(reader(rows=3), Part)
assert_type(reader.reread(), Part)
assert_type(loader((x, x)), Part)
assert_type(splitter((x, x), 0.2, shuffle=True, random_state=0), list[Part])
assert_type(parser((x, x), [], []), Part)
assert_type(transformer(x), Floats)
assert_type(feature_loader(b""), Floats | None)
assert_type(init({}), Mean)
assert_type(trainer(mean, x, x, epochs=5), Mean)
assert_type(evaluator(mean, x, x), dict[str, float])
assert_type(predictor(mean, x), list[float])
assert_type(loads(""), Mean)


def main() -> None:
    run: Run = model.train({"scale": 1.0}, rows=50, reread=True)
    estimator, metrics = run
    score: float = metrics["test/error"]
    realize(sweep(model, scale=[0.1, 1.0]), attempts=2)
    loaded: Loaded = model.use(model.best("test/error", mode="min"))
    try:
        told: list[Any] = model.predict(x)
    except BadFeatures as error:
        print(error.what, score, estimator, loaded, told)


if __name__ == "__main__":
    main()
'''
WRONG = """
from right import dataset, mean, model, predictor, reader, trainer, x

reader(columns=3)
predictor(mean)
trainer(mean, x, x, rounds=5)
model.trainer(cach=True)
model.predictor(3)
dataset.splitter(pad=True)
dataset.feature_loader(pad="yes")
predictor(mean, "text")
"""
SETTINGS = """
[mypy]
strict = True
[mypy-pystore.*]
follow_imports = silent
"""


def test_a_program_passes_a_strict_type_checker_and_its_mistakes_do_not(tmp_path: Path):
    for name, text in {"right.py": RIGHT, "wrong.py": WRONG, "mypy.ini": SETTINGS}.items():
        (tmp_path / name).write_text(text.lstrip())
    cache = PROJECT / ".mypy_cache" / "programs"  # all of pystore, which does not change in between
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", cache,
         "--no-pretty", "--hide-error-context", "right.py", "wrong.py"],
        cwd=tmp_path,
        env={**importing(), "MYPYPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )  # fmt: skip
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    mistakes = {
        n
        for n, text in enumerate(WRONG.lstrip().splitlines(), 1)
        if text and not text.startswith("from")
    }
    assert {tuple(line.split(":")[:2]) for line in errors} == {
        ("wrong.py", str(n)) for n in mistakes
    }, done.stdout + done.stderr


@pytest.mark.parametrize("role", ["init", "trainer", "evaluator", "predictor", "saver", "loader"])
def test_RO2_a_decorator_of_a_model_returns_the_function_both_ways(role):
    model = Model("model", dataset=Dataset())

    def function(*_: object) -> None:
        """Does nothing."""

    for decorate in (getattr(model, role), getattr(model, role)()):
        assert decorate(function) is function
        assert model.roles.get(role) is function
    assert getattr(Model, role).__name__ == role


@pytest.mark.parametrize(
    "role", ["loader", "splitter", "parser", "feature_transformer", "feature_loader"]
)
def test_RO2_a_decorator_of_a_dataset_returns_the_function_both_ways(role):
    dataset = Dataset()

    def function(*_: object) -> None:
        """Does nothing."""

    for decorate in (getattr(dataset, role), getattr(dataset, role)()):
        assert decorate(function) is function
        assert dataset.roles.get(role) is function


def test_an_option_that_a_role_has_not_is_refused():
    splitter: Any = Dataset().splitter
    with pytest.raises(TypeError, match="pad"):
        splitter(pad=True)
    with pytest.raises(BadStage, match="is a function"):
        splitter(3)
    dataset = Dataset()
    dataset.feature_loader(pad=False)(len)
    assert dataset.pad is False
