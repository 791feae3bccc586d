"""ISO times: which values are points in time, or lengths of time, without a guess.

IT1  Of texts, a time is a whole date of ISO 8601, such as 2026-01-31T12:00:00+02:00. It has an
    offset where the training had a time zone, and none where it had none. No text is read by
    guesswork: neither `now`, nor 01/02/2026.
"""

import re
from datetime import date, timedelta
from typing import Any

import numpy as np

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(?P<offset>Z|[+-]\d\d(:?\d\d)?)?)?", re.A
)
_NUMBER = r"-?\d+(\.\d{1,9})?"
_LENGTH = re.compile(
    rf"P(?=[\dT-])(-?\d+D)?(T(?=[\d-])({_NUMBER}H)?({_NUMBER}M)?({_NUMBER}S)?)?"  # of ISO 8601
    r"|-?\d+ days?( [+-]?\d\d:\d\d:\d\d(\.\d{1,9})?)?",  # as pandas writes it
    re.A,
)
TIME, LENGTH = "2026-01-31T12:00:00", "P1DT2H30M"


def is_time(value: Any, zoned: bool) -> bool:
    """Whether it is a point in time; `zoned` says whether it must have an offset (IT1)."""
    if isinstance(value, str):
        found = _TIME.fullmatch(value)
        return found is not None and (found["offset"] is not None) == zoned
    if isinstance(value, np.datetime64):
        return not zoned
    return isinstance(value, date) and (getattr(value, "tzinfo", None) is not None) == zoned


def is_length(value: Any) -> bool:
    """Whether it is a length of time, such as P1DT2H30M."""
    if isinstance(value, str):
        return _LENGTH.fullmatch(value) is not None
    return isinstance(value, timedelta | np.timedelta64)


def times(given: Any, dtype: Any, errors: str = "raise") -> Any:
    """A column of points in time, or of lengths of time, in a type of pandas.

    Raises ValueError for a date that no calendar has, and where the type would round.
    """
    import pandas

    if dtype.kind == "m":
        exact = pandas.to_timedelta(given, errors=errors)
    else:
        zoned = hasattr(dtype, "tz")
        exact = pandas.to_datetime(given, errors=errors, format="ISO8601", utc=zoned)
    found = exact.astype(dtype)
    rounded = ~(found.isna() | (found == exact))
    if rounded.any():
        raise ValueError(f"{exact[rounded].iloc[0]} has parts that {dtype} does not hold")
    return found
