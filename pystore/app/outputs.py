"""Outputs: what a predictor gives for a row, as it was declared: names and types."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from ..core.dataclasses import dataclass, field
from ..core.errors import BadStage
from ..core.outputs import UNNAMED, named_types, problem_of
from ..core.printable import listed
from .errors import PredictorFailed

TYPES = (str, int, float, bool, dict, list, object)  # object: any JSON value


@dataclass(frozen=True)
class Outputs:
    """The declared outputs by their names; without any, a prediction is one value without name."""

    types: Mapping[str, type] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, type] | None) -> Self:
        """The outputs of a declaration. Raises BadStage."""
        wrong = {
            name: kind
            for name, kind in (given or {}).items()
            if not (isinstance(name, str) and name.isidentifier() and kind in TYPES)
        }
        if wrong:
            raise BadStage(
                "outputs are names with their types",
                given=listed(f"{name}: {kind!r}" for name, kind in wrong.items()),
                types=listed(kind.__name__ for kind in TYPES),
                remedy='outputs={"label": str, "p": float}',
            )
        return cls(dict(given or {}))

    @property
    def columns(self) -> dict[str, type]:
        """Names and types, as the columns of a table need them."""
        return dict(self.types) or {UNNAMED: object}

    def checked(self, predictions: Sequence[Any]) -> list[Any]:
        """The predictions, numbers as the declared type has them (OT1). Raises PredictorFailed."""
        return [self._checked(one, row) for row, one in enumerate(predictions)]

    def _checked(self, prediction: Any, row: int) -> Any:
        if not self.types:
            return prediction
        problem = problem_of(prediction, named_types(self.types))
        if problem:
            raise self._bad(row, problem, prediction)
        return {name: _as(prediction[name], kind) for name, kind in self.types.items()}

    def _bad(self, row: int, because: str, prediction: Any) -> PredictorFailed:
        return PredictorFailed(
            f"the prediction of row {row} is not as it was declared",
            because=because,
            given=repr(prediction)[:200],
            outputs=listed(f"{name}: {kind.__name__}" for name, kind in self.types.items()),
            remedy="return exactly these for each row, or declare others: outputs={…}",
        )

    def named(self, prediction: Any, name: str | None) -> Any:
        """Of a dict, the output of this name, or else the first one; other predictions as is."""
        if not isinstance(prediction, dict) or not prediction:
            return prediction
        if name in prediction:
            return prediction[name]
        return prediction[next(iter(self.types), next(iter(prediction)))]


def _as(value: Any, kind: type) -> Any:
    return float(value) if kind is float and value is not None else value
