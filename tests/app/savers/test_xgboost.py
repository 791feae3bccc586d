"""Boosters and estimators of XGBoost."""

from typing import Any

import pytest
from test_conformance import Conformance, plant

from pystore.app.savers import load, save, types_in
from pystore.errors import BadStage, Corrupted, UntrustedType

xgboost = pytest.importorskip("xgboost", reason="boosters need .[xgboost]")
np = pytest.importorskip("numpy")

NUMBERS = np.random.default_rng(0).random((60, 4))
TRUTH = (NUMBERS[:, 0] > 0.5).astype(int)


def fitted(**params: Any) -> Any:
    return xgboost.XGBClassifier(n_estimators=3, **params).fit(NUMBERS, TRUTH)


class TestBoosters(Conformance):
    kind = "xgboost"
    names = ("booster", "classes", "stopped early", "two classes")

    def same(self, value: Any, loaded: Any):
        inputs = NUMBERS
        if isinstance(value, xgboost.Booster):
            inputs = xgboost.DMatrix(NUMBERS)
        else:
            assert repr(loaded.get_params()) == repr(value.get_params())
            assert loaded.n_features_in_ == value.n_features_in_
        assert np.array_equal(loaded.predict(inputs), value.predict(inputs))
        for name in ("classes_", "evals_result_", "best_iteration"):
            if hasattr(value, name):
                assert np.array_equal(getattr(loaded, name), getattr(value, name))
        if hasattr(value, "predict_proba"):
            assert np.array_equal(loaded.predict_proba(inputs), value.predict_proba(inputs))


def test_XB1_names_of_columns_come_back(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(NUMBERS, columns=list("abcd"))
    save(xgboost.XGBClassifier(n_estimators=2).fit(frame, TRUTH), tmp_path / "value")
    assert list(load(tmp_path / "value").feature_names_in_) == list("abcd")


def test_XB1_what_would_not_come_back_is_refused(tmp_path):
    def objective(truth: Any, predicted: Any) -> Any:
        return predicted - truth, np.ones_like(truth)

    values = [
        type("Mine", (xgboost.XGBClassifier,), {})(n_estimators=1).fit(NUMBERS, TRUTH),
        xgboost.XGBClassifier(),
        xgboost.DMatrix(NUMBERS),
        xgboost.XGBRegressor(n_estimators=1, objective=objective).fit(NUMBERS, TRUTH),
    ]
    for value in values:
        with pytest.raises(BadStage, match=r"@model\.saver"):
            save(value, tmp_path / "value")


def test_a_class_that_is_none_of_them_is_damage(tmp_path):
    save(fitted(), tmp_path / "value")
    plant(tmp_path / "value", {}, about={"class": "build_info", "params": {}, "evals": None})
    with pytest.raises(Corrupted, match="no class that is saved"):
        load(tmp_path / "value")


def test_XB2_what_was_built_elsewhere_needs_the_trust_of_the_user(tmp_path):
    save(fitted(), tmp_path / "value")
    needed = types_in(tmp_path / "value")
    with pytest.raises(UntrustedType, match=r"xgboost\.core\.Booster"):
        load(tmp_path / "value", ours=False)
    assert load(tmp_path / "value", ours=False, trusted=needed).n_features_in_ == 4
