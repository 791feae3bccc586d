"""Loops of Keras and PyTorch tell their metrics by the Build."""

import importlib.util
import os
from typing import Any

import pytest

import pystore as ps
from pystore import realize, results, stage
from pystore.app import keras_metrics, torch_metrics
from pystore.errors import BadStage


def points(target: Any, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in results(target).traces(name)]


@stage
def looped(build, every: int = 1, steps: int = 5):
    tell = torch_metrics(build, every)
    for step in range(steps):
        tell(loss=float(step), **({"rare": 1.0} if step == 3 else {}))
    (build.outpath / "a.txt").write_text("a")


def test_TE1_each_step_of_a_loop_is_a_point(store):
    realize(looped(), progress=False)
    assert points(looped(), "loss") == [(1, 0.0), (2, 1.0), (3, 2.0), (4, 3.0), (5, 4.0)]
    assert points(looped(), "rare") == [(4, 1.0)]


def test_TE1_a_point_of_several_steps_is_their_mean(store):
    realize(looped(every=2), progress=False)
    assert points(looped(every=2), "loss") == [(2, 0.5), (4, 2.5)]
    wrong: Any
    for wrong in (0, True, 1.5):
        with pytest.raises(BadStage, match="no number of steps"):
            torch_metrics(None, wrong)


@stage
def fitted(build):
    import keras

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    x, y = [[0.0], [1.0]], [[0.0], [1.0]]
    import numpy as np

    told = model.fit(
        np.array(x), np.array(y), epochs=3, verbose=0, callbacks=[keras_metrics(build)],
        validation_data=(np.array(x), np.array(y)),
    )  # fmt: skip
    ps.build_note(build, "history", told.history["val_loss"])
    (build.outpath / "a.txt").write_text("a")


@pytest.mark.parametrize("name", ["loss", "val_loss"])
def test_TE1_each_epoch_of_keras_is_a_point(store, name):
    if importlib.util.find_spec("tensorflow") is None:
        os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("keras", reason="Keras needs .[tensorflow]")
    rref = realize(fitted(), progress=False)
    [made] = ps.attempts(rref.dref)
    told = points(fitted(), name)
    assert [step for step, _ in told] == [0, 1, 2]
    assert name == "loss" or [value for _, value in told] == made.notes["history"]
