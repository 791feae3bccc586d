"""Predictions as JSON has them, and whether two of them are the same prediction.

SP1  Labels, texts and whole numbers are the same when they are equal; other numbers within a
    tolerance, since the order of a batch and the kind of processor move the last bits.
"""

import math
from typing import Any

from .errors import PredictorFailed

TOLERANCE, SINGLE = 1e-5, 1e-3  # relative, of numbers with double and with single precision


def plain(value: Any) -> Any:
    """A prediction as a JSON value. Raises PredictorFailed when it is none."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return type(value + 0)(value) if type(value) in (int, float) else float(value)
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy, Series, tensors
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    raise PredictorFailed(
        "a prediction is no JSON value",
        given=type(value).__name__,
        remedy="return numbers, texts, or lists and dicts of these from the predictor",
    )


def predictions_of(found: Any, rows: int) -> list[Any]:
    """The predictions of so many rows, one each. Raises PredictorFailed for another number."""
    if hasattr(found, "to_dict") and hasattr(found, "columns"):  # a frame: a dict a row
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
        a, b = float(one), float(other)
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance * 1e-6)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            same(a, b, tolerance) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k], tolerance) for k in one)
    return type(one) is type(other) and bool(one == other)
