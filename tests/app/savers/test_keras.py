"""Models of Keras."""

import importlib.util
import os
from typing import Any

import pytest
import specimens
from test_conformance import Conformance

from pystore.app.savers import load, save
from pystore.errors import BadStage

if importlib.util.find_spec("tensorflow") is None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="models of Keras need .[tensorflow]")
pytest.importorskip("safetensors")
np = pytest.importorskip("numpy")


def model(*sizes: int) -> Any:
    return keras.Sequential([keras.Input((3,)), *(keras.layers.Dense(size) for size in sizes)])


class TestModels(Conformance):
    kind = "keras"
    names = ("unbuilt",)

    def same(self, value: Any, loaded: Any):
        inputs = np.arange(12, dtype="float32").reshape(4, 3)
        one, other = (np.asarray(m.predict(inputs, verbose=0)) for m in (value, loaded))
        assert np.array_equal(one, other)


def test_KW1_a_model_made_after_others_has_the_same_bytes(tmp_path):
    first = model(2)
    second = model(2)  # whose layers have other names
    second.set_weights(first.get_weights())
    assert first.weights[0].path != second.weights[0].path
    for name, one in (("first", first), ("second", second)):
        save(one, tmp_path / name)
    files = [tmp_path / name / "weights.safetensors" for name in ("first", "second")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("fresh", "told"),
    [
        (lambda: model(4), r"made: +float32 \[3, 4\]"),
        (lambda: model(2, 2), "do not fit"),
        (lambda: 5, "returned builtins.int"),
        (None, "pass fresh="),
    ],
)
def test_KW1_a_model_that_does_not_fit_is_refused(fresh: Any, told: str, tmp_path):
    save(model(2), tmp_path / "value")
    with pytest.raises(BadStage, match=told):
        load(tmp_path / "value", fresh=fresh)


def test_what_has_no_weights_yet_is_refused(tmp_path):
    unbuilt = keras.Sequential([keras.layers.Dense(2)])
    for value in (unbuilt, keras.layers.Dense(2)):
        with pytest.raises(BadStage, match=r"@model\.saver"):
            save(value, tmp_path / "value")


def test_an_unbuilt_model_is_built_as_it_was(tmp_path):
    makers = specimens.keras()
    save(makers["unbuilt"](), tmp_path / "value")
    new = specimens.fresh("keras")["unbuilt"]
    assert not new().built
    assert load(tmp_path / "value", fresh=new).built
