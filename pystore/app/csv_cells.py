"""CSV cells: the texts of a file as values of the types that a training has seen.

CE1  A text that is no value of the type of its column is told, and never taken for a missing value.
"""

from typing import Any

_GAPS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")  # a missing number
_TRUTH = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}


def as_trained(texts: Any, trained: Any) -> tuple[Any, Any]:
    """A column of texts as values of the type of the trained column; which texts are none (CE1).

    An empty text is a missing value; in a column of numbers, so are the usual words for it. Dates
    are those of ISO 8601.
    """
    kind = getattr(trained.dtype, "kind", "O")
    if hasattr(trained.dtype, "categories"):
        values = _mapped(texts, {str(one): one for one in trained.dtype.categories})
    elif kind in "iuf":
        texts = texts.where(~texts.isin(_GAPS), "")
        values = _numbers(texts)
    elif kind == "b":
        values = _mapped(texts, _TRUTH)
    elif kind == "M":
        values = _dates(texts)
    else:
        values = texts.where(texts != "", None)
    return values, values.isna() & (texts != "")


def _mapped(texts: Any, known: dict[str, Any]) -> Any:
    import pandas

    return pandas.Series([known.get(text) for text in texts], texts.index, dtype=object)


def _numbers(texts: Any) -> Any:
    import pandas

    return pandas.to_numeric(texts.where(texts != "", None), errors="coerce")


def _dates(texts: Any) -> Any:
    import pandas

    given = texts.where(texts != "", None)
    return pandas.to_datetime(given, errors="coerce", format="ISO8601")
