"""Estimators of scikit-learn, and files that somebody made to harm."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from test_conformance import Conformance, plant

from pystore.app.savers import load, save, types_in
from pystore.app.savers.sklearn import write
from pystore.app.savers.trusted_types import TRUSTED_TYPES
from pystore.errors import BadStage, Corrupted, UntrustedType

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")
pytest.importorskip("skops")

from sklearn.base import BaseEstimator  # noqa: E402  # only where it is installed
from sklearn.datasets import make_classification  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

NUMBERS, TRUTH = make_classification(80, 6, random_state=0)
MEMBER = "model.skops"


class TestEstimators(Conformance):
    kind = "sklearn"
    names = (
        "boosting", "categories", "columns", "forest", "histograms", "neighbours", "net",
        "pipeline", "search", "set of words", "threshold", "vectors", "words",
    )  # fmt: skip

    def same(self, value: Any, loaded: Any):
        import pandas as pd

        if hasattr(value, "vocabulary_"):
            assert loaded.transform(["a cat sat"]).toarray().tolist() == [
                *value.transform(["a cat sat"]).toarray().tolist()
            ]
            return
        first = value[0] if hasattr(value, "steps") else None
        inputs = NUMBERS
        if hasattr(first, "vocabulary_"):
            inputs = ["a cat sat", "the bird", "nothing known"]
        elif hasattr(first, "transformers_"):
            inputs = pd.DataFrame({"word": ["u", "w"], "number": [0.5, -1.0]})
        elif list(getattr(value, "feature_names_in_", ())) == ["word", "number"]:
            words = pd.Categorical(["u", "w"], ["u", "v", "w"])
            inputs = pd.DataFrame({"word": words, "number": [0.5, -1.0]})
        for method in ("predict", "predict_proba", "decision_function"):
            if hasattr(value, method):
                one, other = getattr(value, method)(inputs), getattr(loaded, method)(inputs)
                assert np.array_equal(one, other)


class Mine(BaseEstimator):
    """An estimator of the user."""

    def fit(self, x: Any, y: Any) -> "Mine":
        self.mean_ = float(np.mean(y))
        return self


class Forgetful(Mine):
    """Something of it is not in its state."""

    def __getstate__(self):
        return {"seen": [*getattr(self, "seen", []), 1]}


def test_SE1_what_would_come_back_as_another_is_refused(tmp_path):
    for estimator in (Forgetful(), LogisticRegression(class_weight={True: 1, False: 2})):
        with pytest.raises(BadStage, match="is another estimator"):
            save(estimator, tmp_path / "value")


def test_what_skops_cannot_write_is_refused_with_what_to_do(tmp_path):
    estimator = Mine()
    estimator.hook = open(os.devnull)  # noqa: PTH123, SIM115  # any object without a state
    with estimator.hook, pytest.raises(BadStage, match=r"@model\.saver"):
        save(estimator, tmp_path / "value")


def test_SE2_types_of_the_user_load_when_the_user_trusts_them(tmp_path):
    save(Mine().fit(NUMBERS, TRUTH), tmp_path / "value")
    name = f"{Mine.__module__}.Mine"
    assert types_in(tmp_path / "value") == (name,)
    with pytest.raises(UntrustedType, match="trusted=") as caught:
        load(tmp_path / "value")
    assert caught.value.types == name
    assert load(tmp_path / "value", trusted=[name]).mean_ == TRUTH.mean()


def test_SE2_our_list_counts_only_where_it_is_said(tmp_path):
    from sklearn.tree import DecisionTreeClassifier

    save([DecisionTreeClassifier().fit(NUMBERS, TRUTH)], tmp_path / "value")
    tree_type = "sklearn.tree._tree.Tree"
    assert types_in(tmp_path / "value") == (tree_type,)
    assert load(tmp_path / "value")
    with pytest.raises(UntrustedType, match="built elsewhere") as caught:
        load(tmp_path / "value", ours=False)
    assert caught.value.types == tree_type
    assert load(tmp_path / "value", trusted=[tree_type], ours=False)


def test_how_long_a_search_took_is_not_kept(tmp_path):
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(NUMBERS, TRUTH)
    assert search.refit_time_ > 0
    save(search, tmp_path / "value")
    loaded = load(tmp_path / "value")
    assert np.isnan([loaded.refit_time_, *loaded.cv_results_["mean_fit_time"]]).all()
    for key in ("mean_test_score", "param_C"):
        assert np.array_equal(loaded.cv_results_[key], search.cv_results_[key])


def schema_of(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return json.loads(file.read("schema.json"))


def archive(schema: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("schema.json", json.dumps(schema))
    return out.getvalue()


def node(loader: str, module: str, name: str, **other: Any) -> dict[str, Any]:
    return {"__loader__": loader, "__module__": module, "__class__": name, **other}


def hostile(marker: Path) -> dict[str, Any]:
    """Schemas that would run code if they were believed, which makes the marker."""
    command = node("JsonNode", "builtins", "str", content=json.dumps(f"touch {marker}"))
    arguments = node("TupleNode", "builtins", "tuple", content=[command])
    pairs = node("ListNode", "builtins", "list", content=[node("TypeNode", "builtins", "str")])
    nothing = node("DictNode", "builtins", "dict", content={}, key_types=pairs)
    called = {"__reduce__": {"args": arguments}, "content": nothing}
    return {
        "a function": node("FunctionNode", "os", "system"),
        "a type": node("TypeNode", "subprocess", "Popen"),
        "a constructor": node("ConstructorFromReduceNode", "os", "system", content=arguments),
        "a list": node("ListNode", "os", "system", content=[command]),
        "a scalar": node("NdArrayNode", "builtins", "exec", type="json", content=[], shape=command),
        "a key": node(
            "DictNode",
            "builtins",
            "dict",
            content={f"touch {marker}": command},
            key_types=node(
                "ListNode", "builtins", "list", content=[node("TypeNode", "os", "system")]
            ),
        ),
        "a partial": node(
            "PartialNode",
            "functools",
            "partial",
            content={
                "func": node("FunctionNode", "os", "system"),
                "args": arguments,
                "kwds": nothing,
                "namespace": nothing,
            },
        ),
        "a loss": node("LossNode", "os", "system", **called),
        "a tree": node("TreeNode", "os", "system", **called),
        "an operator": node("OperatorFuncNode", "operator", "methodcaller", attrs=arguments),
        "an object": node("ObjectNode", "builtins", "eval", content=nothing),
        "a method": node(
            "MethodNode", "os", "_Environ", content={"func": "clear", "obj": node(
                "ObjectNode", "os", "_Environ", content=nothing)},
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(hostile(Path())))
def test_SE2_what_would_run_code_is_refused(name: str, tmp_path):
    folder, marker = tmp_path / "value", tmp_path / "marker"
    save(LogisticRegression(), folder)
    plant(folder, {MEMBER: archive({**hostile(marker)[name], "protocol": 2})})
    for ours in (True, False):
        with pytest.raises(UntrustedType) as caught:
            load(folder, ours=ours)
        assert caught.value.types
    assert set(types_in(folder)) - TRUSTED_TYPES
    assert not marker.exists()


def test_SE2_nothing_of_an_untrusted_type_is_imported(tmp_path, monkeypatch):
    folder = tmp_path / "value"
    (tmp_path / "planted_module.py").write_text("raise SystemExit('imported')\nclass A: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    save(LogisticRegression(), folder)
    schema = node("ObjectNode", "planted_module", "A", content=None)
    plant(folder, {MEMBER: archive({**schema, "protocol": 2})})
    with pytest.raises(UntrustedType, match=r"planted_module\.A"):
        load(folder)


@pytest.mark.parametrize(
    "schema",
    [[], {}, {"protocol": 2}, {"protocol": 99}, node("NoSuchNode", "a", "B", protocol=2)],
    ids=str,
)
def test_SV3_a_schema_that_is_none_is_damage(schema: Any, tmp_path):
    save(LogisticRegression(), tmp_path / "value")
    plant(tmp_path / "value", {MEMBER: archive(schema)})
    for look in (load, types_in):
        with pytest.raises(Corrupted):
            look(tmp_path / "value")


def test_the_list_of_types_has_what_our_estimators_need():
    from specimens import sklearn

    from pystore.app.savers.sklearn import types

    needed = {name for make in sklearn().values() for name in types(write(make()).files)}
    assert needed <= TRUSTED_TYPES
    assert "sklearn.tree._tree.Tree" in needed
