"""Features: the rows that a question asks about, whatever form the question has.

FT1  Rows of the trained width, and records with its columns, are features; all else goes to the
    feature_loader, which may return None: nothing is asked.
FT2  A value that the training could not have seen is refused, and never taken for another: a
    missing number, a text for a number, an unknown category, a missing column.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.printable import listed
from .errors import BadFeatures
from .signature import Signature

_PICTURES = ("Image", "ndarray", "NDArray")
_SINGLE = frozenset({bool, float, int, str, type(None)})  # the values of JSON that hold no others


class Features:
    """Turns questions into features like those of the training."""

    def __init__(self, signature: Signature, example: Any, loader: Callable[..., Any] | None):
        self._signature = signature
        self._example = example
        self._loader = loader

    def of(self, raw: Any) -> Any | None:
        """The features of one question; None when nothing is asked. Raises BadFeatures."""
        rows = self._rows(raw)
        if rows is None:
            if self._loader is None:
                raise self._bad("these are no features", given=type(raw).__name__)
            rows = self._loaded(raw)
            if rows is None:
                return None
        if self._signature.columns is not None:
            return self._framed(rows)
        return list(rows) if self._signature.has_items else self._array(rows)

    def _rows(self, raw: Any) -> Any | None:
        """The rows that a question has (FT1); None when it is a raw input."""
        columns, shape = self._signature.columns, self._signature.shape
        if hasattr(raw, "columns"):
            return raw
        if isinstance(raw, Mapping) and "composite" not in raw and columns is not None:
            return [raw]
        if hasattr(raw, "index") and hasattr(raw, "to_dict"):  # a Series: one record
            return [raw.to_dict()]
        if isinstance(raw, list) and raw and all(isinstance(one, Mapping) for one in raw):
            return raw
        if self._signature.has_items and self._loader is None:
            return raw if isinstance(raw, list) else [raw]
        lengths = shape_of(raw)
        if lengths == shape and shape:
            return [raw]
        if lengths[1:] == shape and len(lengths) > 1:
            return raw
        if self._loader is None and len(lengths) == 1 + len(shape):
            raise self._bad("rows of another width", given=list(lengths[1:]))
        return None

    def _loaded(self, raw: Any) -> Any | None:
        assert self._loader is not None
        if takes_array(self._loader) and not isinstance(raw, np.ndarray | Mapping):
            raw = _as_array(raw)
        try:
            return self._loader(raw)
        except BadFeatures:
            raise
        except Exception as error:
            raise self._bad(
                "the feature_loader cannot read this",
                because=f"{type(error).__name__}: {error}"[:300],
            ) from error

    def _framed(self, rows: Any) -> Any:
        import pandas

        columns = list(self._signature.columns or ())
        if not hasattr(rows, "columns"):
            records = isinstance(rows, list) and all(isinstance(one, Mapping) for one in rows)
            rows = pandas.DataFrame(rows if records else list(rows), columns=_names(rows, columns))
        rows = rows.rename(columns=str)
        twice = sorted({name for name in columns if list(rows.columns).count(name) > 1})
        if twice:
            raise self._bad("columns are given twice", twice=listed(twice, most=3))
        missing = [name for name in columns if name not in rows.columns]
        if missing:
            raise self._bad("columns are missing", missing=listed(missing, most=3))
        rows = rows[columns].reset_index(drop=True)
        return pandas.DataFrame(
            {name: self._column(name, rows[name], self._example[at]) for name, at in self._places}
        )

    @property
    def _places(self) -> list[tuple[str, Any]]:
        return [(str(name), name) for name in self._example.columns]

    def _column(self, name: str, given: Any, trained: Any) -> Any:
        dtype = trained.dtype
        self._gaps(name, given)
        if hasattr(dtype, "categories"):
            self._only(name, given, lambda one: _is_among(one, dtype.categories), "category")
        elif getattr(dtype, "kind", "O") in "iufb" and hasattr(dtype, "itemsize"):
            return self._trained(self._numbers(given.to_numpy(), name), dtype, name)
        elif all(isinstance(one, str) for one in trained.dropna()):
            self._only(name, given, lambda one: isinstance(one, str), "text")
        elif getattr(dtype, "kind", "O") in "mM":
            self._only(name, given, lambda one: not isinstance(one, int | float), "time")
        try:
            return given.astype(dtype)
        except (TypeError, ValueError) as error:
            raise self._bad(f"{name} is no {dtype}", because=str(error)[:200]) from None

    def _only(self, name: str, given: Any, fits: Callable[[Any], bool], kind: str) -> None:
        """Raises BadFeatures when a value of a column is none of a kind that was trained."""
        strange = [one for one in given[~given.isna()] if not fits(one)]
        if strange:
            shown = listed((str(one)[:40] for one in strange), most=3)
            raise self._bad(f"{name} holds no {kind} that was trained", strange=shown)

    def _gaps(self, name: str, given: Any) -> None:
        if given.isna().any() and name not in self._signature.missing:
            raise self._bad(f"{name} has a missing value, and had none at the training")

    def _array(self, rows: Any) -> Any:
        kind = np.dtype(self._signature.dtypes[0]) if self._signature.dtypes else None
        array = self._numbers(rows, "a feature")
        if tuple(array.shape[1:]) != self._signature.shape:
            raise self._bad("rows of another shape", given=list(array.shape[1:]))
        if np.isnan(array).any() and "*" not in self._signature.missing:
            raise self._bad("a feature is missing, and none was at the training")
        return array if kind is None else self._trained(array, kind, "a feature")

    def _trained(self, numbers: Any, dtype: Any, name: str) -> Any:
        """Numbers in the type of the training. Raises BadFeatures where they are none of it."""
        if dtype.kind == "b" and not np.isin(numbers[~np.isnan(numbers)], (0, 1)).all():
            raise self._bad(f"{name} is neither true nor false")
        found = _as_trained(numbers, dtype)
        if np.isinf(found).any():
            raise self._bad(f"{name} is too large for {dtype}")
        return found

    def _numbers(self, values: Any, name: str) -> Any:
        """The values as numbers; missing ones are NaN. Raises BadFeatures for texts."""
        try:
            plain = np.asarray(values)
            if plain.dtype.kind not in "iufb":
                objects = np.asarray(values, dtype=object)
                if any(isinstance(one, str | bytes) for one in objects.flat):
                    raise ValueError("a text where a number was trained")
                plain = objects.astype(float)
        except (ValueError, TypeError) as error:
            raise self._bad(f"{name} is no number", because=str(error)[:200]) from None
        if plain.dtype.kind in "iu":
            return plain.copy()  # a double would round whole numbers from 2**53 on
        numbers = plain.astype(float)
        if np.isinf(numbers).any():
            raise self._bad(f"{name} is infinite")
        return numbers

    def _bad(self, what: str, **facts: object) -> BadFeatures:
        return BadFeatures(
            what,
            **facts,
            expected=self._signature.expected(),
            remedy="send rows or records like those of the training",
        )


def _is_among(value: Any, categories: Any) -> bool:
    if isinstance(value, list | dict | np.ndarray):
        return False
    is_bool = isinstance(value, bool)
    return any(isinstance(one, bool) == is_bool and one == value for one in categories.tolist())


def _as_trained(numbers: Any, dtype: Any) -> Any:
    """Numbers in the type of the training; as they are, where that type cannot hold them."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # told by the caller
            return numbers.astype(dtype)
    if not np.isfinite(numbers).all():
        return numbers
    with np.errstate(invalid="ignore"):  # of numbers that the type cannot hold
        exact = numbers.astype(dtype)
    return exact if bool(np.all(exact == numbers)) else numbers


def takes_array(loader: Callable[..., Any]) -> bool:
    """Whether a feature_loader takes an array, as its annotation says."""
    return _annotation(loader) in ("ndarray", "NDArray")


def takes_picture(loader: Callable[..., Any] | None) -> bool:
    """Whether a feature_loader takes a picture, as its annotation says."""
    return loader is not None and _annotation(loader) in _PICTURES


def _annotation(function: Callable[..., Any]) -> str:
    first = next(iter(inspect.signature(function).parameters.values()), None)
    kind = None if first is None else first.annotation
    kind = typing.get_origin(kind) or kind
    text = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
    return text.partition("[")[0].rpartition(".")[2]


def _names(rows: Any, columns: list[str]) -> list[str] | None:
    records = isinstance(rows, list) and all(isinstance(one, Mapping) for one in rows)
    return None if records else columns


def shape_of(value: Any) -> tuple[int, ...]:
    """The lengths of nested lists, as far as all of one level are equal; of arrays, their shape."""
    if hasattr(value, "shape"):
        return tuple(value.shape)
    if not isinstance(value, list | tuple):
        return ()
    if _SINGLE.issuperset(map(type, value)):  # no call for each number of a row: they are many
        return (len(value),)
    inner = {shape_of(one) for one in value}
    return (len(value), *(inner.pop() if len(inner) == 1 else ()))


def _as_array(raw: Any) -> Any:
    try:
        array = np.asarray(raw)
    except ValueError as error:
        raise BadFeatures("this is no array", because=str(error)[:200]) from None
    if array.dtype.kind not in "iufb":
        raise BadFeatures(
            "this is no array of numbers", given=str(array.dtype), remedy="send lists of numbers"
        )
    if array.ndim >= 2 and array.size and array.min() >= 0 and array.max() <= 255:
        whole = bool(np.all(array == array.astype(np.uint8)))
        return array.astype(np.uint8) if whole else array
    return array
