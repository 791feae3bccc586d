"""CSV cells: the texts of a file as values of the types that a training has seen.

CE1  A text that is no value of the type of its column is told, and never taken for a missing value.
CE2  A text has one meaning: where two categories have one text, it is none of them.
"""

import re
from collections import Counter
from typing import Any

from .iso_times import is_length, is_time, times

_GAPS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")  # a missing number
_WHOLE = re.compile(r"[+-]?\d+", re.A)
_TRUTH = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}


def as_trained(texts: Any, trained: Any) -> tuple[Any, Any]:
    """A column of texts as values of the type of the trained column; which texts are none (CE1).

    An empty text is a missing value; in a column of numbers, so are the usual words for it. Times
    are those of ISO 8601.
    """
    kind = getattr(trained.dtype, "kind", "O")
    if hasattr(trained.dtype, "categories"):
        values = _mapped(texts, _by_text(trained.dtype.categories))
    elif kind in "iuf":
        texts = texts.where(~texts.isin(_GAPS), "")
        values = _numbers(texts, whole=kind != "f")
    elif kind == "b":
        values = _mapped(texts, _TRUTH)
    elif kind in "mM":
        values = _times(texts, trained.dtype)
    else:
        values = texts.where(texts != "", None)
    return values, values.isna() & (texts != "")


def _mapped(texts: Any, known: dict[str, Any]) -> Any:
    import pandas

    return pandas.Series([known.get(text) for text in texts], texts.index, dtype=object)


def _by_text(categories: Any) -> dict[str, Any]:
    """The categories by their texts (CE2)."""
    counted = Counter(map(str, categories))
    return {str(one): one for one in categories if counted[str(one)] == 1}


def _numbers(texts: Any, whole: bool) -> Any:
    import pandas

    values = pandas.to_numeric(texts.where(texts != "", None), errors="coerce")
    if whole and values.dtype.kind == "f":  # a missing one has made floats of all
        exact = [
            int(text) if _WHOLE.fullmatch(text) else value
            for text, value in zip(texts, values, strict=True)
        ]
        return pandas.Series(exact, texts.index, dtype=object)
    return values


def _times(texts: Any, dtype: Any) -> Any:
    zoned = hasattr(dtype, "tz")
    fits = is_length if dtype.kind == "m" else lambda text: is_time(text, zoned)
    return times(texts.where(texts.map(fits), None), dtype, errors="coerce")
