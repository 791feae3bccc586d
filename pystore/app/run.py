"""Run: what a call of `train` has made or found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ..ask.experiments.result import Result
from ..ask.experiments.traces import Traces, traces_of
from ..core.errors import BadStage
from ..core.refs import RRef
from ..declare.view import View
from ..store.current import current_store
from .evidence import Evidence
from .loaded import Loaded


class Run(tuple[Any, dict[str, float]]):
    """(estimator, metrics), with the realization that they come from."""

    loaded: Loaded
    rrefs: tuple[RRef, ...]

    def __new__(cls, loaded: Loaded, rrefs: tuple[RRef, ...]) -> Self:
        """The run of a realization that was loaded; `rrefs` are all that the matcher chose."""
        self = super().__new__(cls, (loaded.estimator, loaded.metrics))
        self.loaded, self.rrefs = loaded, rrefs
        return self

    @property
    def estimator(self) -> Any:
        """The fitted estimator."""
        return self[0]

    @property
    def metrics(self) -> dict[str, float]:
        """The scores on each part: `train`, `test`."""
        return self[1]

    @property
    def rref(self) -> RRef:
        """The realization that was loaded."""
        return self.loaded.rref

    @property
    def view(self) -> View:
        """The view of the realization."""
        return self.loaded.view

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """The hyperparameters of the training."""
        return self.loaded.hyperparameters

    @property
    def traces(self) -> Mapping[str, Traces]:
        """The metrics that the training told over its steps, by name: `run.traces["loss"]`."""
        store = current_store()
        return traces_of([Result(one, {}, {}) for one in self.view.attempts[:1]], (), store)

    def errors(self) -> list[dict[str, Any]]:
        """The test rows that were predicted wrong, the worst first: row, truth, prediction."""
        return errors_of(self.view.path)

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        return f"<run {self.rref} {scores}>"


def evidence_of(folder: Path) -> Evidence:
    """The predictions on the test part. Raises BadStage where none were kept."""
    kept = Evidence.read(folder)
    if kept is None:
        raise BadStage(
            "this realization keeps no predictions of its test part",
            path=folder,
            remedy="write a predictor with one value a row, and targets of one column",
        )
    return kept


def errors_of(folder: Path) -> list[dict[str, Any]]:
    """The test rows that were predicted wrong, the farthest first: row, truth, prediction."""
    kept = evidence_of(folder)
    found = [
        {"row": row, "truth": truth, "prediction": prediction}
        for row, (truth, prediction, right) in enumerate(
            zip(kept.truth, kept.predictions, kept.right, strict=True)
        )
        if not right
    ]
    return sorted(found, key=lambda one: -_distance(one["truth"], one["prediction"]))


def _distance(truth: Any, prediction: Any) -> float:
    """How far a prediction is from the truth; for labels, how sure the model was of it."""
    if isinstance(prediction, dict) and prediction:
        return float(max(prediction.values()))
    number = (int, float)
    both = isinstance(truth, number) and isinstance(prediction, number)
    return abs(float(truth) - float(prediction)) if both else 0.0
