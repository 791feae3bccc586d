"""Features: the rows that a question asks about, whatever form the question has.

FT1  Rows of the trained width, and records with its columns, are features; all else goes to the
    feature_loader, which may return None: nothing is asked.
FT2  A value that the training could not have seen is refused, and never taken for another: a
    missing number, a text for a number, an unknown category, a missing column.
FT3  True is no number, and a number is no truth value: the type of the training decides.
FT4  No value is changed by another one of its question: a whole number is not rounded because of a
    fraction or of a gap beside it.
"""

import inspect
import typing
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from ..core.printable import listed
from . import iso_times
from .errors import BadFeatures
from .rows import copied
from .signature import Signature
from .value_kinds import (
    form_of,
    holds_truth,
    in_type,
    is_among,
    is_truth,
    kind_of,
    missing_among,
    numbers_of,
    objects_like,
)

_PICTURES = ("Image", "ndarray", "NDArray")
_EXACT = 2**53  # from here on, a double does not hold each whole number
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
        return self._items(rows) if self._signature.has_items else self._array(rows)

    @property
    def takes_examples(self) -> bool:
        """Whether a kept example is a question as a client sends it: no loader reads items."""
        return not self._signature.has_items or self._loader is None

    def _rows(self, raw: Any) -> Any | None:
        """The rows that a question has (FT1); None when it is a raw input."""
        columns, shape = self._signature.columns, self._signature.shape
        if hasattr(raw, "columns"):
            return raw
        known = columns or ()
        is_drawn = isinstance(raw, Mapping) and "composite" in raw and "composite" not in known
        if isinstance(raw, Mapping) and columns is not None and not is_drawn:
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
        else:  # it is logged, and asked of others, after a loader has changed it in place
            raw = deepcopy(raw) if isinstance(raw, list | dict) else copied(raw)
        try:
            found = self._several(self._loader(raw))
            self._none_beyond(raw, found)
            return found
        except BadFeatures:
            raise
        except Exception as error:
            raise self._bad(
                "the feature_loader cannot read this",
                because=f"{type(error).__name__}: {error}"[:300],
            ) from error

    def _none_beyond(self, raw: Any, found: Any) -> None:
        """Raises BadFeatures where an array became columns that were not trained (FT2).

        The array has another size then, and its first numbers would be taken for those trained.
        """
        if self._signature.columns is None or not isinstance(raw, np.ndarray):
            return
        trained = set(self._signature.columns)
        beyond = [name for name in map(str, getattr(found, "columns", ())) if name not in trained]
        if beyond:
            raise self._bad(
                "the feature_loader makes columns that were not trained",
                beyond=listed(beyond, most=3),
                shape=list(raw.shape),
            )

    def _several(self, found: Any) -> Any:
        """What a loader returned as rows: it may return one row, or one record."""
        if isinstance(found, Mapping | str):
            return [found]
        if hasattr(found, "index") and hasattr(found, "to_dict") and not hasattr(found, "columns"):
            return [found.to_dict()]  # a Series: one record
        shape = self._signature.shape
        is_one = bool(shape) and not hasattr(found, "columns") and shape_of(found) == shape
        return [found] if is_one else found

    def _framed(self, rows: Any) -> Any:
        import pandas

        columns = list(self._signature.columns or ())
        if isinstance(rows, list) and (plain := self._at_once(rows, columns)) is not None:
            return plain
        given = rows if hasattr(rows, "columns") else self._frame(list(rows), columns)
        given = given.rename(columns=str)
        counted = Counter(given.columns)
        twice = sorted({name for name in columns if counted[name] > 1})
        if twice:
            raise self._bad("columns are given twice", twice=listed(twice, most=3))
        self._have(columns, [given.columns])
        given = given[columns].reset_index(drop=True)
        if not hasattr(rows, "columns"):
            self._undo_changes(given, list(rows))
        return pandas.DataFrame(
            {name: self._column(name, given[name], self._example[at]) for name, at in self._places}
        )

    def _at_once(self, rows: list[Any], columns: list[str]) -> Any | None:
        """A frame of doubles alone, made quickly; None where a value is to be looked at."""
        import pandas

        if {*self._signature.dtypes} != {"float64"}:
            return None
        try:
            cells = [
                [row[name] for name in columns] if isinstance(row, dict) else row for row in rows
            ]
            if not all(type(row) is list and {*map(type, row)} <= {int, float} for row in cells):
                return None
            found = np.array(cells, dtype=float)
        except (KeyError, ValueError, OverflowError):
            return None
        if found.shape != (len(rows), len(columns)) or not np.isfinite(found).all():
            return None
        return pandas.DataFrame(found, columns=columns)

    def _frame(self, rows: list[Any], columns: list[str]) -> Any:
        """A frame of records, or of rows."""
        import pandas

        are_records = all(isinstance(one, Mapping) for one in rows)
        if are_records:
            self._have(columns, [set(map(str, one)) for one in rows])
        try:
            return pandas.DataFrame(rows, columns=None if are_records else columns)
        except (ValueError, TypeError, OverflowError) as error:
            raise self._bad("these are no rows", because=str(error)[:200]) from None

    def _undo_changes(self, frame: Any, rows: list[Any]) -> None:
        """Puts the values that were given into columns where pandas made others of them (FT4)."""
        import pandas

        if len(rows) == 1:
            return  # a value by itself stays as it is
        for place, (name, at) in enumerate(self._places):
            trained = getattr(self._example[at].dtype, "kind", "O")
            kind = getattr(frame[name].dtype, "kind", "O")
            if (kind == "f" and trained != "f") or (trained == "O" and frame[name].isna().any()):
                values = [
                    {str(key): one for key, one in row.items()}[name]
                    if isinstance(row, Mapping)
                    else row[place]
                    for row in rows
                ]
                frame[name] = pandas.Series(values, dtype=object)

    def _have(self, columns: list[str], records: Sequence[Collection[str]]) -> None:
        """Raises BadFeatures unless each record has all columns."""
        missing = [name for name in columns if not all(name in names for names in records)]
        if missing:
            raise self._bad("columns are missing", missing=listed(missing, most=3))

    def _items(self, rows: Any) -> list[Any]:
        """Items such as texts. Raises BadFeatures for one of a form that no example has."""
        items, known = list(rows), {form_of(one) for one in self._example}
        strange = [one for one in items if form_of(one) not in known]
        if strange:
            shown = listed((repr(one)[:40] for one in strange), most=3)
            raise self._bad(
                "an item has another form than those of the training",
                strange=shown,
                trained=" or ".join(sorted(known)),
            )
        return items

    @property
    def _places(self) -> list[tuple[str, Any]]:
        return [(str(name), name) for name in self._example.columns]

    def _column(self, name: str, given: Any, trained: Any) -> Any:
        dtype = trained.dtype
        kind = getattr(dtype, "kind", "O")
        self._gaps(name, given)
        if hasattr(dtype, "categories"):
            self._only(name, given, lambda one: is_among(one, dtype.categories), "category")
        elif kind in "iufb" and isinstance(dtype, np.dtype):
            return self._trained(given.to_numpy(), dtype, name)
        elif kind in "mM":
            return self._times(name, given, dtype)
        else:
            self._only(name, given, *kind_of(kind, trained.dropna()))
        try:
            found = (
                objects_like(given, trained)
                if kind == "O" and isinstance(dtype, np.dtype)
                else given.astype(dtype)
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise self._bad(f"{name} is no {dtype}", because=str(error)[:200]) from None
        if kind == "f" and np.isinf(found.to_numpy(float, na_value=0.0)).any():
            raise self._bad(f"{name} is infinite")
        return found

    def _times(self, name: str, given: Any, dtype: Any) -> Any:
        if dtype.kind == "m":
            self._only(name, given, iso_times.is_length, "length of time", like=iso_times.LENGTH)
        else:
            zoned = hasattr(dtype, "tz")
            like = iso_times.TIME + ("+02:00" if zoned else "")
            self._only(name, given, lambda one: iso_times.is_time(one, zoned), "time", like=like)
        try:
            return iso_times.times(given, dtype)
        except (TypeError, ValueError) as error:
            raise self._bad(f"{name} is no {dtype}", because=str(error)[:200]) from None

    def _only(
        self, name: str, given: Any, fits: Callable[[Any], bool], kind: str, **facts: object
    ) -> None:
        """Raises BadFeatures when a value of a column is none of a kind that was trained."""
        strange = [one for one in given[~given.isna()] if not fits(one)]
        if strange:
            shown = listed((str(one)[:40] for one in strange), most=3)
            raise self._bad(f"{name} holds no {kind} that was trained", strange=shown, **facts)

    def _gaps(self, name: str, given: Any) -> None:
        if given.isna().any() and name not in self._signature.missing:
            raise self._bad(f"{name} has a missing value, and had none at the training")

    def _array(self, rows: Any) -> Any:
        dtype = np.dtype(self._signature.dtypes[0])
        if dtype.kind in "OU":
            return self._any_values(rows, dtype)
        found = self._trained(rows, dtype, "a feature")
        self._check_shape(found)
        if np.isnan(found).any() and "*" not in self._signature.missing:
            raise self._bad("a feature is missing, and none was at the training")
        return found

    def _check_shape(self, found: Any) -> None:
        if tuple(found.shape[1:]) != self._signature.shape:
            raise self._bad("rows of another shape", given=list(found.shape[1:]))

    def _any_values(self, rows: Any, dtype: Any) -> Any:
        """Texts, or values of several kinds; each of a kind that its place has in the examples."""
        found = np.asarray(rows, dtype=object)
        self._check_shape(found)
        gaps = missing_among(found)
        if gaps.any() and "*" not in self._signature.missing:
            raise self._bad("a feature is missing, and none was at the training")
        for place in np.ndindex(self._signature.shape):
            examples, at = self._example[(slice(None), *place)], (slice(None), *place)
            fits, kind = kind_of("O", [x for x in examples.tolist() if x is not None and x == x])
            strange = [x for x in found[at][~gaps[at]] if not fits(x)]
            if strange:
                shown = listed((repr(one)[:40] for one in strange), most=3)
                raise self._bad(f"a feature holds no {kind} that was trained", strange=shown)
        return found.astype(str) if dtype.kind == "U" else found

    def _trained(self, values: Any, dtype: Any, name: str) -> Any:
        """Values in the type of the training. Raises BadFeatures where they are none of it."""
        if dtype.kind == "b":
            return self._truths(values, name)
        found = in_type(self._numbers(values, name, whole=dtype.kind in "iu"), dtype)
        if np.isinf(found).any():
            raise self._bad(f"{name} is too large for {dtype}")
        return found

    def _truths(self, values: Any, name: str) -> Any:
        """The values as truth values. Raises BadFeatures for numbers, such as 1 (FT3)."""
        objects = np.asarray(values, dtype=object)
        strange = next((one for one in objects.flat if not is_truth(one)), None)
        if strange is not None:
            raise self._bad(f"{name} is neither true nor false", strange=repr(strange)[:40])
        return objects.astype(bool)

    def _numbers(self, values: Any, name: str, *, whole: bool) -> Any:
        """The values as numbers; missing ones are NaN. Raises BadFeatures for all else (FT3)."""
        if holds_truth(values):
            raise self._bad(f"{name} is true or false, and was a number at the training")
        try:
            plain = np.asarray(values)
            is_rounded = whole and plain.dtype.kind == "f" and not hasattr(values, "dtype")
            if plain.dtype.kind not in "iuf" or (is_rounded and (abs(plain) >= _EXACT).any()):
                plain = numbers_of(np.asarray(values, dtype=object), whole=whole)
        except (ValueError, TypeError, OverflowError) as error:
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
