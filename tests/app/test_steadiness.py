"""Predictors that answer otherwise the second time, or among other rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from test_redefined import ASKED, fresh, rows

from pystore import PystoreWarning
from pystore.app import Model, Refused
from pystore.app.steadiness import is_changed, state_of
from pystore.errors import BadStage

ROWS = rows()


def learnt_again(estimator: Any, features: Any) -> Any:
    told = estimator.predict(features).tolist()
    estimator.fit(features, np.arange(len(features), dtype=float))
    return told


def learnt_a_little(estimator: Any, features: Any) -> Any:
    estimator.intercept_ += 1e-12
    return estimator.predict(features).tolist()


def drawn(estimator: Any, features: Any) -> Any:
    return np.random.normal(size=len(features)).tolist()


def standardized(estimator: Any, features: Any) -> Any:
    told = estimator.predict(features)
    return (told - told.mean()).tolist()


def ranked(estimator: Any, features: Any) -> Any:
    return [int(n) for n in np.argsort(np.argsort(estimator.predict(features)))]


def in_groups(estimator: Any, features: Any) -> Any:
    parts = [features[features["a"] > 0], features[features["a"] <= 0]]
    return pd.concat([pd.Series(estimator.predict(x), x.index) for x in parts if len(x)])


UNSTEADY = {
    in_groups: "the rows in another order",
    learnt_again: "the second time",
    learnt_a_little: "the predictor changes the estimator",
    drawn: "the second time",
    standardized: "for one row than for several",
    ranked: "for one row than for several",
}


def trained(predictor: Any) -> Model:
    model = fresh(ROWS)
    model.predictor(predictor)
    with pytest.warns(PystoreWarning, match=UNSTEADY[predictor]):
        run = model.train(progress=False)
    assert run.metrics["test"] == pytest.approx(1.0)  # TR2
    assert run.loaded.signature.predictions is None
    return model


@pytest.mark.parametrize("predictor", [learnt_again, drawn, standardized, ranked])
def test_SY1_an_unsteady_predictor_is_told_at_the_training_and_answers_nothing(store, predictor):
    model = trained(predictor)
    for ask in (lambda: model.predict(ASKED), lambda: model.use(model._used.rref)):
        with pytest.raises(Refused, match=UNSTEADY[predictor]) as caught:
            ask()
        assert caught.value.remedy and caught.value.facts["rref"]


def test_SY1_rows_that_change_their_places_among_many_are_told_at_the_training(store):
    data = ROWS.sort_values("a")
    model = fresh(data, shuffle=False, test_size=0.5)

    @model.predictor
    def predictor(estimator, features):
        told = estimator.predict(features)
        few = len(features) <= 5  # the examples, whose order then seems to be right
        return (told if few else told[np.argsort(-features["a"])]).tolist()

    with pytest.warns(PystoreWarning, match="for several rows than for many"):
        model.train(progress=False)
    with pytest.raises(Refused, match="for several rows than for many"):
        model.predict(ASKED)
    model.predictor(lambda estimator, features: estimator.predict(features).tolist())
    assert model.predict(ASKED) == pytest.approx([0.0])


def test_SY2_a_predictor_that_changes_the_estimator_is_told_at_the_training(store):
    trained(learnt_a_little)


def test_SY2_it_answers_nothing_where_its_answers_are_not_looked_at_twice(store):
    model = trained(learnt_a_little)
    with pytest.raises(Refused, match="the predictor changes the estimator"):
        model.predict(ASKED)


@pytest.mark.parametrize("predictor", UNSTEADY)
def test_SY1_a_predictor_that_is_defined_later_is_looked_at_too(store, predictor):
    model = fresh(ROWS)
    model.train(progress=False)
    assert model.predict(ASKED) == pytest.approx([0.0])
    model.predictor(predictor)
    with pytest.raises(Refused, match=UNSTEADY[predictor]):
        model.predict(ASKED)


def test_SY1_rounding_is_no_other_answer(store):
    model = fresh(ROWS)

    @model.predictor
    def predictor(estimator, features):
        told = estimator.predict(features)
        return (told * (1 + 1e-5 * len(told)) + 1e-7 * len(told)).tolist()

    model.train(progress=False)
    assert len(model.predict(ASKED)) == 1


def test_a_predictor_that_takes_no_single_row_answers_for_several(store):
    model = fresh(ROWS)
    model.predictor(lambda estimator, x: np.squeeze(estimator.predict(x)))
    model.train(progress=False)
    assert len(model.predict(pd.concat([ASKED, ASKED]))) == 2


# --- what is scored is what is saved -----------------------------------------------------


def test_TR3_an_evaluator_that_learns_is_refused(store):
    model = fresh(ROWS)
    model.evaluator(lambda estimator, x, y: estimator.fit(x, np.ravel(y)[::-1]).score(x, y))
    with pytest.raises(BadStage, match="the evaluator of line changes the estimator"):
        model.train(progress=False)


def test_TR3_what_is_changed_in_place_changes_no_score(store):
    model = fresh(ROWS)

    @model.trainer
    def trainer(estimator, x, y):
        estimator.fit(x, np.ravel(y))
        x.loc[:] = 0.0
        y.loc[:] = 5.0
        return estimator

    @model.evaluator
    def evaluator(estimator, x, y):
        score = estimator.score(x, y)
        x.loc[:] = 0.0
        y.loc[:] = 5.0
        return score

    run = model.train(progress=False)
    assert run.metrics == pytest.approx({"train": 1.0, "test": 1.0})
    assert run.errors() == []


# --- features that are prepared otherwise ------------------------------------------------


def test_LM3_another_transformer_and_another_predictor_are_no_way_around(store):
    model = fresh(ROWS)
    model.dataset.feature_transformer(lambda x: x / 10)
    old = model.train(progress=False)
    model.dataset.feature_transformer(lambda x: x / 100)
    model.predictor(lambda estimator, x: [float(one) for one in estimator.predict(x)])
    for ask in (lambda: model.predict(ASKED), lambda: model.use(old.rref)):
        with pytest.raises(Refused, match="prepared otherwise"):
            ask()


def test_LM3_another_transformer_is_seen_where_the_labels_are_the_same(store):
    model = fresh(ROWS)
    model.dataset.feature_transformer(lambda x: x * 2)
    model.predictor(lambda estimator, x: ["label"] * len(x))
    model.train(progress=False)
    model.dataset.feature_transformer(lambda x: x * 3)
    with pytest.raises(Refused, match="prepared otherwise"):
        model.predict(ASKED)


def test_LM3_a_transformer_that_prepares_the_same_is_the_same(store):
    model = fresh(ROWS)
    model.dataset.feature_transformer(lambda x: x * 2)
    old = model.train(progress=False)
    model.dataset.feature_transformer(lambda x: x + x)
    model.predictor(lambda estimator, x: [1.0] * len(x))
    assert model.use(old.rref).code_differs
    assert model.predict(ASKED) == [1.0]


def test_LM3_another_loader_is_no_other_predictor(store):
    model = fresh(ROWS)
    old = model.train(progress=False)
    model.dataset.feature_loader(lambda raw: ASKED)
    loaded = model.use(old.rref)
    assert (loaded.code_differs, loaded.predictor_differs) == (True, False)
    loaded.estimator.coef_ *= 2
    with pytest.raises(Refused, match="otherwise than when it was trained"):
        loaded.check()


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (lambda x: x.sort_values("a"), "another order"),
        (lambda x: x[1:], "different numbers of rows"),
        (lambda x: None, "returned nothing"),
    ],
)
def test_a_transformer_that_moves_or_drops_rows_is_refused(store, transformer, message):
    model = fresh(ROWS)
    model.dataset.feature_transformer(transformer)
    with pytest.raises(BadStage, match=message):
        model.train(progress=False)


def test_a_transformer_that_moves_rows_where_it_answers_is_refused(store):
    model = fresh(ROWS)
    model.dataset.feature_transformer(lambda x: x.sort_values("a") if len(x) == 2 else x)
    model.train(progress=False)
    with pytest.raises(BadStage, match="another order"):
        model.predict([[2.0, 0.0], [1.0, 0.0]])


def test_SY2_what_only_counts_its_questions_is_no_other_estimator():
    random = np.random.default_rng(0)
    rows = random.normal(size=(60, 2))
    estimator = KNeighborsClassifier().fit(rows, (rows.sum(axis=1) > 0).astype(int))
    before = state_of(estimator)
    estimator.predict(rows)
    assert not is_changed(estimator, before)
    estimator.n_neighbors = 1
    assert is_changed(estimator, before)
