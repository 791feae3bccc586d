"""A model that reads drawn digits: scikit-learn's own, cut and centred as drawings are."""

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from pystore.app import Dataset, Model, digit

dataset = Dataset("drawings", test_size=0.2)
model = Model("drawn-digits", dataset=dataset)


@dataset.reader
def reader() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rows of 784 grey values, and the digits."""
    pictures, digits = load_digits(return_X_y=True)
    large = np.kron(pictures.reshape(-1, 8, 8) * 15.9, np.ones((1, 4, 4)))
    return np.stack([digit(one).ravel() for one in large]).astype(float), digits


@dataset.feature_loader
def feature_loader(picture: np.ndarray) -> NDArray[np.float64] | None:
    """One row; None while there is no ink."""
    ink = digit(picture)
    return None if ink is None else ink.reshape(1, -1).astype(float)


@model.init
def init(hyperparameters: dict[str, int]) -> KNeighborsClassifier:
    """Asks so many neighbours."""
    return KNeighborsClassifier(**hyperparameters)


@model.trainer
def trainer(
    estimator: KNeighborsClassifier, rows: NDArray[np.float64], digits: NDArray[np.int64]
) -> KNeighborsClassifier:
    """Remembers all rows."""
    return estimator.fit(rows, digits)


@model.evaluator
def evaluator(
    estimator: KNeighborsClassifier, rows: NDArray[np.float64], digits: NDArray[np.int64]
) -> float:
    """The share that is read right."""
    return float(estimator.score(rows, digits))


@model.predictor
def predictor(estimator: KNeighborsClassifier, rows: NDArray[np.float64]) -> list[int]:
    """The digit of each row."""
    return [int(one) for one in estimator.predict(rows)]
