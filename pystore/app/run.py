"""Run: what a call of `train` has made or found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ..ask.experiments.result import Result
from ..ask.experiments.traces import Traces, traces_of
from ..core.refs import RRef
from ..declare.view import View
from ..store.current import current_store
from .evidence import errors_of
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
        self.loaded.tell_other_predictor()
        return errors_of(self.view.path)

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        return f"<run {self.rref} {scores}>"
