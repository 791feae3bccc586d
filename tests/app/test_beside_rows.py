"""Models beside rows: they read snapshots, and predict for the rows of collections."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from pystore import Store, match_best
from pystore.app import Dataset, Model
from pystore.db import Database, connect, image


@pytest.fixture
def db(store: Store) -> Database:
    return connect("sqlite://")


def classifier(name: str, reader, loader=None) -> Model:
    """A model of the rows that a reader gives."""
    dataset = Dataset(f"{name}-rows", targets=["kind"])
    dataset.reader(reader)
    if loader is not None:
        dataset.feature_loader(loader)
    model = Model(name, KNeighborsClassifier, dataset=dataset)

    @model.trainer
    def trainer(estimator, features, targets):
        return estimator.fit(features, np.ravel(targets))

    @model.evaluator
    def evaluator(estimator, features, targets) -> float:
        return float(estimator.score(features, np.ravel(targets)))

    @model.predictor
    def predictor(estimator, features) -> list[int]:
        return estimator.predict(features).tolist()

    return model


def test_a_model_of_pictures_learns_from_a_snapshot_and_listens(db: Database):
    pictures = db.collection("pictures", img=image(), kind=int)
    random = np.random.default_rng(0)
    for kind in (0, 1):
        drawn = random.integers(0, 60, (60, 4, 4)) + 150 * kind
        pictures.insert([{"img": one.astype("uint8"), "kind": kind} for one in drawn])
    snapshot = pictures.snapshot(x="img", y="kind")

    def reader(rows=snapshot):
        x, y = rows.arrays()
        return x.reshape(len(x), -1).astype(float), y

    def loader(img: np.ndarray) -> np.ndarray:
        return np.asarray(img, float).reshape(1, -1)

    model = classifier("pictured", reader, loader)
    run = model.train({"n_neighbors": 1})
    assert run.metrics["test"] == 1.0
    listener = pictures.listen(model, match_best("test"), on="img")
    try:
        pictures.wait(60)
        assert all(row["_outputs"]["pictured"] == row["kind"] for row in pictures.find())
        told = pictures.lineage(1, "pictured")
        assert told.rref == run.rrefs[0] and told.why_not is None
    finally:
        listener.remove()


def test_a_model_of_several_columns_listens_to_all_of_them(db: Database):
    points = db.collection("points", a=float, b=float, kind=int)
    random = np.random.default_rng(0)
    rows = random.normal(size=(100, 2))
    points.insert([{"a": a, "b": b, "kind": int(a + b > 0)} for a, b in rows.tolist()])
    snapshot = points.snapshot(x=["a", "b"], y="kind")

    def reader(rows=snapshot) -> pd.DataFrame:
        return rows.frame()

    model = classifier("pointed", reader)
    estimator = model.train({}).estimator
    listener = points.listen(model, match_best("test"), on=["a", "b"])
    try:
        points.wait(60)
        wanted = estimator.predict(pd.DataFrame(rows, columns=["a", "b"])).tolist()
        assert [row["_outputs"]["pointed"] for row in points.find()] == wanted
        points.update({"a": 9.0, "b": 9.0}, id=1)
        points.wait(60)
        assert points.find_one(id=1)["_outputs"] == {"pointed": 1}
    finally:
        listener.remove()
