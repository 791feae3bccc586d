"""Predictions as JSON has them, and whether two of them are the same prediction.

SP1  Labels, texts and whole numbers are the same when they are equal; other numbers within a
    tolerance, since the order of a batch and the kind of processor move the last bits.
SP2  A prediction is a JSON value without a guess: a whole number stays whole and exact, a time is
    no number, and no value of a dict takes the place of another.
SP3  Predictions stand in the order of the rows. What has another order, or none, is refused.
"""

import math
from collections.abc import Mapping, Set
from typing import Any

from .errors import PredictorFailed

TURNED = "the predictor returns the rows in another order"
TOLERANCE, SINGLE = 1e-5, 1e-3  # relative, of numbers with double and with single precision


def plain(value: Any) -> Any:
    """A prediction as a JSON value (SP2). Raises PredictorFailed when it is none."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # also of NumPy's texts, and of an Enum of texts
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy, Series, tensors
        return plain(_listed(value))
    if isinstance(value, dict):
        return _record(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    raise _no_json(type(value).__name__)


def _listed(value: Any) -> Any:
    """An array as a list, and a scalar of NumPy as a value. Raises PredictorFailed."""
    if getattr(getattr(value, "dtype", None), "kind", "") in "mM":  # some would be whole numbers
        raise _no_json(str(value.dtype))
    found = value.tolist()
    if type(found) is type(value):  # a long double has no form in Python
        raise _no_json(type(value).__name__)
    return found


def _record(value: Mapping[Any, Any]) -> dict[str, Any]:
    found = {str(key): plain(one) for key, one in value.items()}
    if len(found) < len(value):
        raise PredictorFailed(
            "two names of a prediction are one text",
            names=", ".join(map(repr, value))[:200],
            remedy="give each value a name of its own, and use texts as names",
        )
    return found


def _no_json(given: str) -> PredictorFailed:
    return PredictorFailed(
        "a prediction is no JSON value",
        given=given,
        remedy="return numbers, texts, or lists and dicts of these from the predictor; a time as "
        "a text, such as time.isoformat()",
    )


def predictions_of(found: Any, rows: int) -> list[Any]:
    """The predictions of so many rows, one each. Raises PredictorFailed for another number."""
    if isinstance(found, str | bytes | Mapping | Set):
        raise PredictorFailed(
            f"the predictor returns a {type(found).__name__}, and no list",
            remedy="return one prediction a row from @model.predictor, in the order of the rows",
        )
    if hasattr(found, "to_dict") and hasattr(found, "columns"):  # a frame: a dict a row
        if not found.columns.is_unique:
            raise PredictorFailed(
                "the predictor returns a frame with two columns of one name",
                columns=", ".join(map(str, found.columns))[:200],
                remedy="give each column a name of its own",
            )
        found = found.to_dict("records")
    try:
        told = [plain(one) for one in found]
    except TypeError as error:
        raise PredictorFailed("the predictor returns no list", because=str(error)[:200]) from None
    if len(told) != rows:
        raise PredictorFailed(
            f"the predictor gave {len(told)} predictions for {rows} rows",
            remedy="return one prediction a row from @model.predictor",
        )
    return told


def in_order(labels: Any, found: Any) -> Any:
    """What a predictor has returned. Raises PredictorFailed where its rows changed places (SP3).

    `labels` are those of the rows that it was given. Where it has made new ones, 0, 1, 2, …, rows
    count by their place.
    """
    after = found.index if hasattr(found, "iloc") else None
    if labels is None or after is None or after.equals(labels) or _is_new(after):
        return found
    if set(after) == set(labels):
        raise PredictorFailed(
            TURNED,
            because="each row has its prediction by its place",
            remedy="return them in the order in which they came: found.loc[features.index]",
        )
    return found


def _is_new(labels: Any) -> bool:
    return (getattr(labels, "start", None), getattr(labels, "step", None)) == (0, 1)


def is_single(found: Any) -> bool:
    """Whether predictions have single precision or less."""
    dtype = getattr(found, "dtype", None)
    if dtype is None and isinstance(found, list) and found:
        dtype = getattr(found[0], "dtype", None)
    return str(dtype).rpartition(".")[2] in ("float32", "float16", "bfloat16")


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two predictions are the same (SP1)."""
    if isinstance(one, float) or isinstance(other, float):
        numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (one, other))
        if not numbers:
            return False
        if one != one or other != other:
            return bool(one != one and other != other)
        try:
            return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance * 1e-6)
        except OverflowError:  # a whole number beyond all floats
            return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            same(a, b, tolerance) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k], tolerance) for k in one)
    return type(one) is type(other) and bool(one == other)
