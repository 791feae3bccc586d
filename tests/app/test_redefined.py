"""Functions that change their input, or are defined again in one process, as in a notebook."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from pystore import PystoreWarning, match_best
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


def test_an_example_has_the_values_of_the_training(store):
    large = 2**53 + 1
    model = fresh(rows().assign(id=large, kind="x"))
    model.trainer(lambda estimator, x, y: estimator.fit(x[["a", "b"]], np.ravel(y)))
    model.evaluator(lambda estimator, x, y: estimator.score(x[["a", "b"]], y))
    model.predictor(lambda estimator, x: x["id"].tolist())
    loaded = model.train(progress=False).loaded
    assert loaded.example()[2:] == [large, "x"]
    assert model.predict([loaded.example()]) == [large]


def test_AK1_a_predictor_that_is_defined_again_answers(store):
    model = fresh(rows())
    model.train(progress=False)
    model.predictor(lambda estimator, x: ["new"] * len(x))
    assert model.predict(ASKED) == ["new"]


def test_LM3_another_transformer_answers_for_no_old_training(store):
    model = fresh(rows())
    model.dataset.feature_transformer(lambda x: x / 10)
    old = model.train(progress=False)
    model.dataset.feature_transformer(lambda x: x / 100)
    for ask in (lambda: model.predict(ASKED), lambda: model.use(old.rref)):
        with pytest.raises(Refused, match="prepared otherwise"):
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


def test_kept_predictions_of_another_predictor_are_told(store):
    model = fresh(rows())
    old = model.train(progress=False)
    model.predictor(lambda estimator, x: [0.0] * len(x))
    run = model.train(progress=False)
    for ask in (run.errors, model.errors):
        with pytest.warns(PystoreWarning, match="the predictor is another now"):
            ask()
    again = model.train(progress=False, force=True)
    with pytest.raises(BadStage, match="by other predictors"):
        model.mcnemar(old.rref, again.rref)
    assert model.mcnemar(old.rref, old.rref).rows == 8


def test_LM3_another_loader_of_estimators_needs_the_predictor_of_the_training(store):
    model = fresh(rows())
    model.saver(lambda estimator, file: file.write_text(json.dumps(list(estimator.coef_))))

    def loaded(sign: int) -> Any:
        def load(file):
            estimator = LinearRegression()
            estimator.coef_ = sign * np.asarray(json.loads(file.read_text()))
            estimator.intercept_ = 0.0
            return estimator

        return load

    model.loader(loaded(1))
    old = model.train(progress=False)
    assert model.use(old.rref).metrics["test"] > 0.9
    model.loader(loaded(-1))
    with pytest.raises(Refused, match="predicts otherwise"):
        model.use(old.rref)
    model.predictor(lambda estimator, x: [float(one) for one in estimator.predict(x)])
    with pytest.raises(Refused, match="nothing shows that it predicts as it did") as caught:
        model.use(old.rref)
    assert "predictor, loader" in caught.value.because


def test_LM3_another_init_says_nothing_of_an_estimator_that_is_saved_whole(store):
    model = fresh(rows())
    old = model.train(progress=False)
    model.init(lambda hyperparameters: LinearRegression(positive=True))
    model.predictor(lambda estimator, x: [1.0] * len(x))
    assert model.use(old.rref).code_differs


def patient(timeout: float = 1.0) -> pd.DataFrame:
    return rows()


def forced(force: bool = False) -> pd.DataFrame:
    return rows()


@pytest.mark.parametrize(("reader", "given"), [(patient, {"timeout": 5.0}), (forced, {})])
def test_a_parameter_of_the_reader_that_train_would_take_is_told(store, reader, given):
    model = fresh(rows())
    model.dataset.reader(reader)
    with pytest.raises(BadStage, match="is a parameter of the reader and of train"):
        model.train(progress=False, **given)


def test_a_matcher_beside_a_pin_is_refused(store):
    with pytest.raises(BadStage, match="either a target"):
        fresh(rows()).follow(match_best("test"), pin="serving")


def test_LM1_a_question_of_another_type_rounds_no_other(store):
    data = rows().assign(id=np.arange(40))
    model = fresh(data)
    model.predictor(lambda estimator, x: [str(one) for one in x["id"]])
    model.trainer(lambda estimator, x, y: estimator.fit(x[["a", "b"]], np.ravel(y)))
    model.evaluator(lambda estimator, x, y: estimator.score(x[["a", "b"]], y))
    loaded = model.train(progress=False).loaded
    asked = [{"a": 0.0, "b": 0.0, "id": one} for one in (2**53 + 1, 1.5)]
    told = loaded.predict([loaded.features(one) for one in asked])
    assert told == [[str(2**53 + 1)], ["1.5"]]


def test_an_example_of_texts_is_a_text(store):
    words = ["good", "bad"] * 20
    model = fresh((words, list(range(40))))
    model.trainer(lambda estimator, x, y: estimator.fit([[len(one)] for one in x], y))
    model.evaluator(lambda estimator, x, y: 1.0)
    model.predictor(lambda estimator, x: [len(one) for one in x])
    loaded = model.train(progress=False).loaded
    assert loaded.example() in ("good", "bad")
    assert model.predict([loaded.example()]) == [len(loaded.example())]
    model.dataset.feature_loader(lambda raw: [raw["word"]])
    assert model.predict({"word": "four"}) == [4]
    assert model._used.example() is None
