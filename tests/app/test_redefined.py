"""Functions that change their input, or are defined again in one process, as in a notebook."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from pystore.app import Dataset, Model, Refused
from pystore.errors import BadStage

ASKED = pd.DataFrame({"a": [0.5], "b": [1.0]})


def rows() -> pd.DataFrame:
    random = np.random.RandomState(0)
    frame = pd.DataFrame({"a": random.normal(size=40), "b": random.normal(size=40)})
    return frame.assign(y=2 * frame["a"] - frame["b"])


def fresh(data: Any, **settings: Any) -> Model:
    """A model that learns y from a and b."""
    dataset = Dataset("rows", targets=["y"], **settings)
    model = Model("line", LinearRegression, dataset=dataset)
    dataset.reader(lambda: data)
    model.trainer(lambda estimator, x, y: estimator.fit(x, np.ravel(y)))
    model.evaluator(lambda estimator, x, y: estimator.score(x, y))
    model.predictor(lambda estimator, x: estimator.predict(x).tolist())
    return model


def tenth_in_place(features: pd.DataFrame) -> pd.DataFrame:
    features["a"] /= 10
    return features


def test_a_transformer_that_works_in_place_is_applied_once(store):
    model = fresh(rows())
    model.dataset.feature_transformer(tenth_in_place)
    run = model.train(progress=False)
    assert run.errors() == []
    assert model.predict(ASKED) == pytest.approx([0.0])
    run.loaded.check()
    run.loaded.check()


def test_a_predictor_that_changes_its_features_changes_no_signature(store):
    model = fresh(rows())

    @model.predictor
    def predictor(estimator, features):
        features["more"] = 1.0
        return estimator.predict(features[["a", "b"]]).tolist()

    loaded = model.train(progress=False).loaded
    assert loaded.signature.columns == ("a", "b")
    assert list(loaded.examples.columns) == ["a", "b"]
    loaded.check()
    assert list(loaded.examples.columns) == ["a", "b"]


def test_AK1_a_predictor_that_is_defined_again_answers(store):
    model = fresh(rows())
    model.train(progress=False)
    model.predictor(lambda estimator, x: ["new"] * len(x))
    assert model.predict(ASKED) == ["new"]


def test_LM2_another_transformer_answers_for_no_old_training(store):
    model = fresh(rows())
    model.dataset.feature_transformer(lambda x: x / 10)
    old = model.train(progress=False)
    model.dataset.feature_transformer(lambda x: x / 100)
    for ask in (lambda: model.predict(ASKED), lambda: model.use(old.rref)):
        with pytest.raises(Refused, match="predicts otherwise"):
            ask()
    model.train(progress=False)
    assert model.predict(ASKED) == pytest.approx([0.0])


def test_a_value_that_was_missing_in_the_train_part_alone_may_be_missing(store):
    data = rows().assign(kind="x")
    data.loc[0, "kind"] = None
    model = fresh(data, shuffle=False)
    model.dataset.feature_transformer(lambda x: x[["a", "b"]])
    model.train(progress=False)
    assert model.predict_one({"a": 0.5, "b": 1.0, "kind": None}) == pytest.approx(0.0)


def test_targets_in_another_order_than_features_are_refused(store):
    data = rows()
    turned = data["y"].sample(frac=1, random_state=0)
    with pytest.raises(BadStage, match="same rows in another order"):
        fresh((data[["a", "b"]], turned)).train(progress=False)
    run = fresh((data[["a", "b"]], turned.loc[data.index])).train(progress=False)
    assert run.metrics["test"] == pytest.approx(1.0)


def test_an_argument_of_the_trainer_is_told_where_it_belongs(store):
    model = fresh(rows())
    model.trainer(lambda estimator, x, y, *, epochs=3: estimator.fit(x, np.ravel(y)))
    with pytest.raises(BadStage, match="epochs is no parameter of the reader") as raised:
        model.train(epochs=5)
    assert raised.value.remedy == "model.train({'epochs': …})"


def test_an_example_with_a_time_and_a_missing_value_is_json(store):
    data = rows().assign(since=pd.Timestamp("2021-05-01"), age=np.nan)
    model = fresh(data)
    model.dataset.feature_transformer(lambda x: x[["a", "b"]])
    example = model.train(progress=False).loaded.example()
    assert example[2:] == ["2021-05-01T00:00:00", None]
    assert json.loads(json.dumps(example, allow_nan=False)) == example
    assert model.predict(example) == model.predict([example])
