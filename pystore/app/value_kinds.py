"""Kinds of values: text, truth value or number; True is no number, whatever Python says."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def is_text(value: Any) -> bool:
    """Whether it is a text."""
    return isinstance(value, str)


def is_truth(value: Any) -> bool:
    """Whether it is True or False, of Python or of NumPy."""
    return isinstance(value, bool | np.bool_)


def is_number(value: Any) -> bool:
    """Whether it is a number, and no truth value."""
    return isinstance(value, int | float | np.number) and not is_truth(value)


def kind_of(kind: str, examples: Any) -> tuple[Callable[[Any], bool], str]:
    """The test for values of a column of objects, or of pandas' own types, and the name of it."""
    if kind in "iuf":
        return is_number, "number"
    if kind == "b":
        return is_truth, "truth value"
    for fits, name in ((is_text, "text"), (is_truth, "truth value"), (is_number, "number")):
        if all(map(fits, examples)):
            return fits, name
    return (lambda _: True), "value"


def form_of(value: Any) -> str:
    """What an item is made of, in words."""
    for fits, name in ((is_text, "text"), (is_truth, "truth value"), (is_number, "number")):
        if fits(value):
            return name
    if isinstance(value, list | tuple):
        return f"list of {' or '.join(sorted(set(map(form_of, value)))) or 'nothing'}"
    return "record" if isinstance(value, Mapping) else type(value).__name__


def holds_truth(values: Any) -> bool:
    """Whether one of the values, in nested lists or in an array, is True or False."""
    if isinstance(values, list | tuple):
        kinds = {*map(type, values)}  # a long row of numbers is looked at without a loop in Python
        if bool in kinds or np.bool_ in kinds:
            return True
        return not kinds <= {float, int, str, type(None)} and any(map(holds_truth, values))
    dtype = getattr(values, "dtype", None)
    if dtype is None or dtype.kind != "O":
        return dtype is not None and dtype.kind == "b"
    return any(map(is_truth, values.flat))


def numbers_of(objects: Any, *, whole: bool = False) -> Any:
    """Objects as numbers. Raises ValueError, TypeError or OverflowError for what is none.

    `whole`: the training had whole numbers, and none is rounded because of another number here.
    """
    kinds = {*map(type, objects.flat)}
    if any(issubclass(kind, str | bytes) for kind in kinds):
        raise ValueError("a text where a number was trained")
    values = objects.ravel().tolist()
    if whole:
        values = [int(x) if isinstance(x, float) and x.is_integer() else x for x in values]
    if all(isinstance(x, int) for x in values):
        exact = np.asarray(values)  # a double would round them
        if exact.dtype.kind in "iu" and values:
            return exact.reshape(objects.shape)
    if whole and (rounded := [x for x in values if isinstance(x, int) and float(x) != x]):
        raise ValueError(f"{rounded[0]} would be rounded, because of a number beside it")
    return objects.astype(float)


def missing_among(values: Any) -> Any:
    """Which of some objects are missing: None, or no number."""
    found = [one is None or (isinstance(one, float) and one != one) for one in values.flat]
    return np.array(found, dtype=bool).reshape(values.shape)


def is_among(value: Any, categories: Any) -> bool:
    """Whether it is one of these categories; True is not the category 1."""
    if isinstance(value, list | dict | np.ndarray):
        return False
    known = categories.tolist()
    return any(is_truth(one) == is_truth(value) and one == value for one in known)


def in_type(numbers: Any, dtype: Any) -> Any:
    """Numbers in the type of the training; as they are, where that type cannot hold them."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # told by the caller
            return numbers.astype(dtype)
    if not np.isfinite(numbers).all():
        return numbers
    with np.errstate(invalid="ignore"):  # of numbers that the type cannot hold
        exact = numbers.astype(dtype)
    return exact if bool(np.all(exact == numbers)) else numbers


def objects_like(given: Any, trained: Any) -> Any:
    """A column of objects; what is missing is None or NaN, as it was at the training."""
    import pandas

    found, gaps = given.astype(object), given.isna()
    if gaps.any():
        known = trained[trained.isna()]
        gap = known.iloc[0] if len(known) else None
        values = [gap if is_gap else one for one, is_gap in zip(found, gaps, strict=True)]
        found = pandas.Series(values, found.index, dtype=object, name=found.name)
    return found
