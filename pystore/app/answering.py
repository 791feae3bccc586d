"""Answering: the functions of a user that answer, as they are now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .rows import copied, same_rows


@dataclass(frozen=True)
class Answering:
    """The functions of a user that answer: no part of what is trained."""

    predictor: Callable[..., Any]
    feature_loader: Callable[..., Any] | None
    feature_transformer: Callable[..., Any] | None
    digest: str  # of the code of all of them
    codes: Mapping[str, str]  # digests of the code of each, and of what loads, by their roles

    def predict(self, estimator: Any, features: Any) -> Any:
        """What the predictor returns for features as they are before the transformer."""
        return self.predictor(estimator, self.prepared(features))

    def prepared(self, features: Any) -> Any:
        """The features as the predictor gets them. Raises BadStage where rows change places."""
        # The caller needs the features again: they are an example, or rows of the test part.
        own = copied(features)
        if self.feature_transformer is None:
            return own
        found = self.feature_transformer(own)
        same_rows(features, found)
        return found
