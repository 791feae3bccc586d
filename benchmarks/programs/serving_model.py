"""A classifier of rows of 784 numbers, that is served: `serving_model.py STORE FOLDER COUNT`.

Trains so many of them in the store, writes the first into the folder for other servers as well, and
tells their references.
"""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from pystore import Store
from pystore.app import Dataset, Model

ROWS, WIDTH = 1000, 784
dataset = Dataset("rows", test_size=0.2)
model = Model("classifier", dataset=dataset)


@dataset.reader
def reader() -> tuple[Any, Any]:
    """Numbers by chance; the sum of some of them decides on the class."""
    x = np.random.default_rng(0).normal(size=(ROWS, WIDTH))
    return x, (x[:, :10].sum(axis=1) > 0).astype(int)


@model.init
def init(hyperparameters: dict[str, Any]) -> Pipeline:
    """Untrained."""
    steps = [("scaler", StandardScaler()), ("classifier", LogisticRegression())]
    return Pipeline(steps).set_params(**hyperparameters)


@model.trainer
def trainer(estimator: Pipeline, x: Any, y: Any) -> Pipeline:
    """Fitted."""
    return estimator.fit(x, y)


@model.evaluator
def evaluator(estimator: Pipeline, x: Any, y: Any) -> float:
    """The share of right answers."""
    return float(estimator.score(x, y))


@model.predictor
def predictor(estimator: Pipeline, x: Any) -> list[float]:
    """The class of each row."""
    return [float(one) for one in estimator.predict(x)]


def main() -> None:
    """Trains them."""
    with Store(sys.argv[1], durable=False).use():
        runs = [model.train({"classifier__C": 1 / (i + 1)}) for i in range(int(sys.argv[3]))]
    (Path(sys.argv[2]) / "pipeline.pickle").write_bytes(pickle.dumps(runs[0][0]))
    print(json.dumps({"rrefs": [run.rref for run in runs]}))


if __name__ == "__main__":
    main()
