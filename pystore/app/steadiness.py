"""Steadiness: a predictor answers the same whenever it is asked, and with whatever else.

SY1  A row has the prediction that it had the first time, and alone the one that it has among
    others. Else an answer would depend on who asks at the same time.
SY2  A prediction leaves the estimator as it was.
"""

import math
import warnings
from typing import Any

from ..core.errors import BadStage, PystoreWarning
from .answering import Answers
from .errors import PredictorFailed
from .predictions import SINGLE, TOLERANCE, TURNED, is_single, same
from .rows import count, taken
from .savers import digest_of

_AMONG_MANY = "the predictor answers otherwise for several rows than for many"


def was_unsteady(failure: str) -> bool:
    """Whether a training has recorded what its examples alone do not show again (SY1)."""
    return _AMONG_MANY in failure or TURNED in failure


def steady_predictions(
    answering: Answers, estimator: Any, rows: Any, tolerance: float | None = None
) -> tuple[list[Any], bool]:
    """The predictions for some rows, asked twice; whether they have single precision.

    Raises PredictorFailed when the second ones are others (SY1), and what the predictor raises.
    """
    raw = answering.predict(estimator, rows)
    told, single = answering.checked(raw, count(rows)), is_single(raw)
    again = answering.checked(answering.predict(estimator, rows), count(rows))
    if tolerance is None:
        tolerance = SINGLE if single else TOLERANCE
    if not same(told, again, tolerance):
        raise PredictorFailed(
            "the predictor answers otherwise the second time",
            first=str(told)[:120],
            second=str(again)[:120],
            remedy="predict with a copy of the estimator if the predictor changes it, and without "
            "random numbers",
        )
    return told, single


def checked_predictions(
    answering: Answers,
    estimator: Any,
    rows: Any,
    tolerance: float | None = None,
    *,
    before: str | None,
) -> tuple[list[Any], bool]:
    """The same, of a predictor that nobody has looked at yet; `before` is what `state_of` told.

    Raises PredictorFailed, also for a predictor that changes the estimator (SY2), or whose
    predictions depend on other rows (SY1).
    """
    told, single = steady_predictions(answering, estimator, rows, tolerance)
    _check_alone(answering, estimator, rows, told)
    if is_changed(estimator, before) and _goes_on_changing(answering, estimator, rows):
        raise PredictorFailed(
            "the predictor changes the estimator",
            because="the next answer would come from another estimator",
            remedy="predict with a copy of it: copy.deepcopy(estimator)",
        )
    return told, single


def check_among(told: list[Any], all_of_them: list[Any]) -> None:
    """Raises PredictorFailed where the first rows have other predictions among very many (SY1)."""
    scale = max((abs(number) for number in _floats(all_of_them)), default=0.0)
    for at, (one, among) in enumerate(zip(told, all_of_them, strict=False)):
        if not _alike(one, among, scale):
            raise PredictorFailed(
                _AMONG_MANY,
                row=at,
                among_several=str(one)[:120],
                among_many=str(among)[:120],
                remedy="return one prediction a row, in the order of the rows, and let it depend "
                "on its row alone",
            )


def _goes_on_changing(answering: Answers, estimator: Any, rows: Any) -> bool:
    """Whether each question changes the estimator, and not the first one alone."""
    before = state_of(estimator)
    answering.predict(estimator, rows)
    return is_changed(estimator, before)


def _check_alone(answering: Answers, estimator: Any, rows: Any, told: list[Any]) -> None:
    """Raises PredictorFailed when a row alone has another prediction than among others (SY1)."""
    scale = max((abs(number) for number in _floats(told)), default=0.0)
    for at, one in enumerate(told):
        try:
            [alone] = answering.checked(answering.predict(estimator, taken(rows, [at])), 1)
        except Exception:  # who asks for one row is told
            return
        if not _alike(one, alone, scale):
            raise PredictorFailed(
                "the predictor answers otherwise for one row than for several",
                row=at,
                alone=str(alone)[:120],
                among_others=str(one)[:120],
                remedy="let a prediction depend on its row alone: take means and ranks at the "
                "training, and a network in eval mode",
            )


def told_failure(name: str, error: Exception) -> str:
    """Why a predictor failed, for the record; a warning tells it at once."""
    why = f"{type(error).__name__}: {error}"[:500]
    warnings.warn(
        f"the predictor of {name} failed on its examples, or on the test part: {why}",
        PystoreWarning,
        stacklevel=3,
    )
    return why


def state_of(estimator: Any) -> str | None:
    """The digest of an estimator; None where it has no form of ours."""
    try:
        return digest_of(estimator)
    except BadStage:
        return None


def is_changed(estimator: Any, before: str | None) -> bool:
    """Whether an estimator is another one than before, as far as its digest is known (SY2)."""
    return before is not None and state_of(estimator) != before


def _alike(one: Any, other: Any, scale: float) -> bool:
    """Whether they differ by rounding alone: shorter batches are added up in another order."""
    if same(one, other, SINGLE):
        return True
    a, b = _floats(one), _floats(other)
    if not a or _shape(one) != _shape(other):
        return False
    least = SINGLE * scale
    return all(math.isclose(x, y, rel_tol=SINGLE, abs_tol=least) for x, y in zip(a, b, strict=True))


def _floats(value: Any) -> list[float]:
    """The numbers with a fraction in a prediction, in their order."""
    if isinstance(value, float):
        return [value] if math.isfinite(value) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [number for one in inner for number in _floats(one)]


def _shape(value: Any) -> Any:
    """A prediction with its numbers with a fraction left out."""
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shape(one) for one in value]
    return None if isinstance(value, float) and math.isfinite(value) else repr(value)
