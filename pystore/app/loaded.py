"""Loaded: a realization of a Model in memory: it predicts, and can prove that it is itself.

LM1  One call of the predictor answers several questions; each row has one prediction.
LM2  A realization that predicts otherwise than when it was trained is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..declare.view import View
from .errors import BadFeatures, Refused
from .evidence import intervals
from .outputs import Outputs
from .predictions import SINGLE, TOLERANCE, plain, predictions_of, same
from .rows import copied, count, joined
from .signature import Signature


class Answers(Protocol):
    """What answers with an estimator."""

    @property
    def digest(self) -> str:
        """The digest of the code that answers, 32 hex digits."""

    @property
    def functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """The functions of the user that answer."""

    def predict(self, estimator: Any, features: Any) -> Any:
        """What the predictor returns for features."""

    def checked(self, found: Any, rows: int) -> list[Any]:
        """What it has returned, as a prediction for each row. Raises PredictorFailed."""


class Asks(Protocol):
    """What makes features of a question."""

    def of(self, raw: Any) -> Any | None:
        """The features of one question; None when nothing is asked. Raises BadFeatures."""


@dataclass(frozen=True)
class Answering:
    """The functions of a user that answer: no part of what is trained."""

    predictor: Callable[..., Any]
    feature_loader: Callable[..., Any] | None
    feature_transformer: Callable[..., Any] | None
    digest: str  # of the code of predictor and feature_loader
    outputs: Outputs = field(default_factory=Outputs)

    @property
    def functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """Predictor, feature_loader and feature_transformer."""
        return self.predictor, self.feature_loader, self.feature_transformer

    def predict(self, estimator: Any, features: Any) -> Any:
        """What the predictor returns for features as they are before the transformer."""
        # The caller needs the features again: they are an example, or rows of the test part.
        transform, features = self.feature_transformer, copied(features)
        return self.predictor(estimator, features if transform is None else transform(features))

    def checked(self, found: Any, rows: int) -> list[Any]:
        """What the predictor has returned, as a prediction for each row. Raises PredictorFailed."""
        return self.outputs.checked(predictions_of(found, rows))


class Loaded:
    """A realization: its estimator, its metrics, and what it takes."""

    def __init__(
        self,
        view: View,
        estimator: Any,
        example: Any,
        answering: Answers,
        *,
        hyperparameters: Mapping[str, Any],
        asks: Asks,
        tolerance: float | None = None,
    ) -> None:
        self.view = view
        self.rref = view.rref
        self.estimator = estimator
        self.hyperparameters = hyperparameters
        self.metrics: dict[str, float] = json.loads((view.path / "metrics.json").read_text())
        self.signature = Signature.read(view.path)
        self._example = example
        self._answering = answering
        self._features = asks
        single = SINGLE if self.signature.single else TOLERANCE
        self.tolerance = single if tolerance is None else tolerance

    @property
    def versions_differ(self) -> tuple[str, ...]:
        """The packages whose version is another here than at the training, in words."""
        return self.signature.versions_differ

    @property
    def digest(self) -> str:
        """The digest of the code that answers: predictor and feature_loader, 32 hex digits."""
        return self._answering.digest

    @property
    def code_differs(self) -> bool:
        """Whether the predictor is another than the one that the training has recorded."""
        return self.signature.predictor != self._answering.digest

    @property
    def functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """The functions of the user that answer."""
        return self._answering.functions

    def features(self, raw: Any) -> Any | None:
        """The features of one question; None when nothing is asked. Raises BadFeatures."""
        return self._features.of(raw)

    def rows(self, features: Any) -> int:
        """The number of rows of features."""
        return count(features)

    def predict(self, questions: Sequence[Any]) -> list[list[Any]]:
        """The predictions for the features of several questions, by one call of the predictor.

        Raises what the predictor raises, and PredictorFailed.
        """
        sizes = [count(one) for one in questions]
        told = self._answering.predict(self.estimator, joined(questions))
        every = iter(self._answering.checked(told, sum(sizes)))
        return [[next(every) for _ in range(size)] for size in sizes]

    def predict_values(self, values: Sequence[Any]) -> list[Any]:
        """One prediction for each value, by one call of the predictor: a row, or a raw input.

        It is None for a value that asks nothing. Raises what `features` and `predict` raise, and
        BadFeatures for a value of several rows.
        """
        asked = [self.features(one) for one in values]
        several = [at for at, one in enumerate(asked) if one is not None and self.rows(one) != 1]
        if several:
            raise BadFeatures(
                "this value asks for several predictions",
                row=several[0],
                remedy="give one row, or one raw input, in each place",
            )
        known = [one for one in asked if one is not None]
        told = iter(self.predict(known) if known else [])
        return [None if one is None else next(told)[0] for one in asked]

    def check(self) -> None:
        """Predicts the kept examples again. Raises Refused when the predictions are others (LM2).

        Where the predictor's code is another one, it must predict one value a row.
        """
        try:
            [now] = self.predict([self._kept()])
        except Exception as error:
            raise Refused(
                f"it cannot predict its examples: {type(error).__name__}: {error}"[:500],
                rref=self.rref,
                versions="; ".join(self.versions_differ) or None,
                remedy="train it again, or correct the predictor",
            ) from error
        then = self.signature.predictions
        if self.code_differs or then is None:
            return
        if not same(now, then, self.tolerance):
            raise Refused(
                "it predicts otherwise than when it was trained",
                rref=self.rref,
                now=str(now)[:120],
                then=str(then)[:120],
                versions="; ".join(self.versions_differ) or None,
                remedy="train it again here, with force=True; or Model(tolerance=…), if such "
                "differences do no harm",
            )

    def _kept(self) -> Any:
        """The features of the kept examples."""
        return self._example

    def expected(self) -> dict[str, Any]:
        """The features that it takes, for messages."""
        return self.signature.expected()

    @property
    def examples(self) -> Any:
        """The kept example rows, as the training had them."""
        return self._example

    def example(self) -> Any:
        """The first kept example as a client would send it."""
        first = self._example.iloc[0] if hasattr(self._example, "iloc") else self._example[0]
        found = plain([_sent(one) for one in first.tolist()] if hasattr(first, "iloc") else first)
        return found if isinstance(found, list) else [found]

    def evidence(self) -> dict[str, Any]:
        """Its scores on the test part, each with an interval where one is known."""
        return intervals(self.view.path, self.metrics)

    def close(self) -> None:
        """Lets gc collect it again."""
        self.view.close()

    def __repr__(self) -> str:
        return f"<loaded {self.rref} {self.metrics}>"


def _sent(value: Any) -> Any:
    """A cell of a frame as JSON has it: a time as a text, a missing value as null."""
    if str(value) in ("None", "nan", "NaT", "<NA>") and not isinstance(value, str):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
