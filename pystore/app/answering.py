"""Answering: the functions of a user that answer, as they are now."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from ..core.dataclasses import dataclass, field
from .outputs import Outputs
from .predictions import in_order, predictions_of
from .row_keys import digest_of_rows
from .rows import copied, same_rows


class Answers(Protocol):
    """What answers with an estimator."""

    @property
    def digest(self) -> str:
        """The digest of the code that answers, 32 hex digits."""

    @property
    def codes(self) -> Mapping[str, str]:
        """The digests of the code of each role that answers, or that brings an estimator back."""

    @property
    def functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """The functions of the user that answer."""

    def predict(self, estimator: Any, features: Any) -> Any:
        """What the predictor returns for features."""

    def checked(self, found: Any, rows: int) -> list[Any]:
        """What it has returned, as a prediction for each row. Raises PredictorFailed."""

    def digest_of_prepared(self, rows: Any) -> str:
        """A digest of rows as the predictor gets them; "" where these have none."""


@dataclass(frozen=True)
class Answering:
    """The functions of a user that answer: no part of what is trained."""

    predictor: Callable[..., Any]
    feature_loader: Callable[..., Any] | None
    feature_transformer: Callable[..., Any] | None
    digest: str  # of the code of all of them, and of the loader
    codes: Mapping[str, str]  # digests of the code of each, and of what loads, by their roles
    outputs: Outputs = field(default_factory=Outputs)

    @property
    def functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """Predictor, feature_loader and feature_transformer."""
        return self.predictor, self.feature_loader, self.feature_transformer

    def predict(self, estimator: Any, features: Any) -> Any:
        """What the predictor returns for features as they are before the transformer."""
        prepared = self._prepared(features)
        labels = prepared.index if hasattr(prepared, "iloc") else None
        return in_order(labels, self.predictor(estimator, prepared))

    def checked(self, found: Any, rows: int) -> list[Any]:
        """What the predictor has returned, as a prediction for each row. Raises PredictorFailed."""
        return self.outputs.checked(predictions_of(found, rows))

    def judged(self, prediction: Any, target: Any, *, labels: Collection[Any]) -> Any:
        """The part of a prediction that is compared with the true value of this column.

        It is all of it where nothing is declared, or where the outputs are named as the `labels`.
        """
        names = self.outputs.types
        if not names or any(str(one) in names for one in labels):
            return prediction
        return self.outputs.named(prediction, target)

    def digest_of_prepared(self, rows: Any) -> str:
        """A digest of rows as the predictor gets them; "" where these have none."""
        return digest_of_rows(self._prepared(rows))

    def _prepared(self, features: Any) -> Any:
        """The features as the predictor gets them. Raises BadStage where rows change places."""
        # The caller needs the features again: they are an example, or rows of the test part.
        own = copied(features)
        if self.feature_transformer is None:
            return own
        found = self.feature_transformer(own)
        same_rows(features, found)
        return found
