"""Loaded: a realization of a Model in memory: it predicts, and can prove that it is itself.

LM1  One call of the predictor answers several questions; each row has one prediction.
LM2  A realization that predicts otherwise than when it was trained is refused.
LM3  Where the predictor is another than at the training, its predictions are not compared. Where
    the feature_transformer is another, it must prepare the examples as they were prepared.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from ..core.errors import PystoreError, PystoreWarning, in_one_line
from ..core.printable import listed
from ..declare.view import View
from .answering import Answers
from .errors import BadFeatures, Refused
from .evidence import intervals
from .predictions import SINGLE, TOLERANCE, plain, same
from .rows import alike, count, joined
from .signature import ANSWERS, Signature
from .steadiness import checked_predictions, state_of, steady_predictions, was_unsteady


class Asks(Protocol):
    """What makes features of a question."""

    def of(self, raw: Any) -> Any | None:
        """The features of one question; None when nothing is asked. Raises BadFeatures."""

    @property
    def takes_examples(self) -> bool:
        """Whether a kept example is a question as a client sends it."""


SMALL = 16 << 20  # [bytes] of an estimator that is digested while a service waits for it


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
        loads: Collection[str] = (),
    ) -> None:
        self._loads = loads  # the roles whose functions have brought the estimator back
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
        """The digest of the code that answers, 32 hex digits."""
        return self._answering.digest

    @property
    def code_differs(self) -> bool:
        """Whether the code that answers is another than the one that the training has recorded."""
        return any(map(self._differs, ANSWERS))

    @property
    def predictor_differs(self) -> bool:
        """Whether the predictor is another, so that predictions may be."""
        return self._differs("predictor")

    def _differs(self, role: str) -> bool:
        return self.signature.codes.get(role) != self._answering.codes.get(role)

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

        Questions of several types are asked one by one: a number with a fraction would make those
        of the others round. Raises what the predictor raises, and PredictorFailed.
        """
        if not alike(questions):
            return [self.predict([one])[0] for one in questions]
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

        Where the predictor's code is another one, it must predict one value a row, and the same
        value again, alone and among others (LM3).
        """
        then = None if self.predictor_differs else self.signature.predictions
        if self._differs("feature_transformer"):
            self._check_prepared()
        loads = [role for role in self._loads if self._differs(role)]
        if then is None and loads:
            raise Refused(
                "nothing shows that it predicts as it did",
                rref=self.rref,
                because=f"{listed(['predictor', *loads])} are others than at the training",
                remedy="train it again, or put the predictor back, so that its predictions can be "
                "compared",
            )
        failure = self.signature.failure
        if not self.predictor_differs and was_unsteady(failure):
            raise Refused(
                "its predictor is not steady",
                rref=self.rref,
                because=in_one_line(failure),
                remedy="correct the predictor; nothing is trained again for it",
            )
        try:
            now = self._steady(looked_at=then is not None)
        except Exception as error:
            raise self._cannot_predict(error) from error
        if then is not None and not same(now, then, self.tolerance):
            raise Refused(
                "it predicts otherwise than when it was trained",
                rref=self.rref,
                now=str(now)[:120],
                then=str(then)[:120],
                versions="; ".join(self.versions_differ) or None,
                remedy="train it again here, with force=True; or Model(tolerance=…), if such "
                "differences do no harm",
            )

    def _steady(self, *, looked_at: bool) -> list[Any]:
        """The predictions for the examples; `looked_at`: whether the training has checked more."""
        asked = self._answering, self.estimator, self._kept(), self.tolerance
        if looked_at:
            return steady_predictions(*asked)[0]
        files = (self.view.path / "estimator").rglob("*")
        small = sum(one.stat().st_size for one in files) <= SMALL
        return checked_predictions(*asked, before=state_of(self.estimator) if small else None)[0]

    def _check_prepared(self) -> None:
        """Raises Refused unless the examples are prepared as at the training (LM3)."""
        try:
            now = self._answering.digest_of_prepared(self._example)
        except Exception as error:
            raise self._cannot_predict(error) from error
        if not now or now != self.signature.prepared:
            raise Refused(
                "its features are prepared otherwise than when it was trained",
                rref=self.rref,
                because="the feature_transformer is another one now",
                remedy="train it again, or put the feature_transformer back",
            )

    def _cannot_predict(self, error: Exception) -> Refused:
        facts = error.facts if isinstance(error, PystoreError) else {}
        told = error.what if isinstance(error, PystoreError) else f"{type(error).__name__}: {error}"
        return Refused(
            f"it cannot predict its examples: {told}"[:500],
            **facts,
            rref=self.rref,
            versions="; ".join(self.versions_differ) or None,
            remedy=getattr(error, "remedy", "") or "train it again, or correct the predictor",
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
        """The first kept example, as one of the rows or items that a client would send.

        None where a client sends what a feature_loader reads, which the training has not seen.
        """
        if not self._features.takes_examples:
            return None
        first = self._example
        if hasattr(first, "columns"):  # cell by cell: a row of several types would round numbers
            found = plain([_sent(first.iloc[0, at]) for at in range(len(first.columns))])
        else:
            found = plain(first.iloc[0] if hasattr(first, "iloc") else first[0])
        return found if isinstance(found, list) or self.signature.has_items else [found]

    def evidence(self) -> dict[str, Any]:
        """Its scores on the test part, each with an interval where one is known."""
        return intervals(self.view.path, self.metrics)

    def tell_other_predictor(self) -> None:
        """Warns where the kept predictions are those of another predictor than the one now."""
        if self.predictor_differs:
            warnings.warn(
                f"the predictor is another now; the kept predictions of {self.rref} are those of "
                "the training",
                PystoreWarning,
                stacklevel=3,
            )

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
