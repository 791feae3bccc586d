"""Conditions: which rows are meant, by their fields. They are expressions of SQLAlchemy.

users["img"].exists & users["label"].is_in(["dog", "cat"])
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from .errors import BadField
from .fields import Field
from .json_paths import kind_at, text_at
from .source import type_of
from .sqlite_values import of_kind

_INCOMPARABLE = frozenset(("array", "image", "json", "own"))


class _Compared(sa.BinaryExpression[Any]):
    """A comparison that is neither true nor false: `and` would take one of two, without a word."""

    inherit_cache = True

    def __bool__(self) -> bool:
        raise TypeError("combine conditions by & and |, not by `and` and `or`; `not` is ~")


def _told(found: Any) -> Any:
    if type(found) is sa.BinaryExpression:
        found.__class__ = _Compared
    return found


def check_condition(given: Any) -> None:
    """Raises BadField for what is no condition, such as True, of which `delete` takes each row."""
    if not isinstance(given, sa.ColumnElement | sa.TextClause):
        raise BadField(
            "this is no condition",
            given=repr(given)[:80],
            type=type(given).__name__,
            remedy="compare a field: collection['age'] > 17; combine conditions by & | ~",
        )


class FieldOf:
    """A field of a collection, to compare with values. Combine conditions by `&`, `|` and `~`.

    A value of another kind, in a column of JSON or of SQLite, compares with nothing.
    """

    def __init__(
        self, name: str, field: Field, column: Any, *, is_postgres: bool, is_typed: bool = False
    ) -> None:
        self.name, self.field = name, field
        self._column, self._is_postgres = column, is_postgres
        self._is_typed = is_typed or is_postgres  # whether the column holds nothing of other types
        self._kind = "text" if field.fetched is not None else field.kind  # a URL is a text

    @property
    def exists(self) -> Any:
        """Whether there is a value: a path that is there, and that holds no null."""
        if not self.field.path and self._kind != "json":
            return self._column.is_not(None)
        kind = kind_at(self._column, self.field.path, is_postgres=self._is_postgres)
        return _told(sa.func.coalesce(kind, "null") != "null")

    def is_in(self, values: Iterable[Any]) -> Any:
        """Whether the value is one of these."""
        if isinstance(values, str | bytes):
            raise BadField(
                "is_in takes several values",
                given=repr(values)[:80],
                remedy=f"is_in([{values!r:.40}])",
            )
        # In one order, so that a condition is the same one whatever order a set has.
        return self._among(sorted((self._stored(value) for value in values), key=repr))

    def _among(self, values: Sequence[Any]) -> Any:
        return self._plain.in_([self._literal(value) for value in values])

    def __eq__(self, value: object) -> Any:
        return self._is_none() if value is None else self._compared(operator.eq, value)

    def __ne__(self, value: object) -> Any:
        return self.exists if value is None else self._compared(operator.ne, value)

    def __lt__(self, value: Any) -> Any:
        return self._compared(operator.lt, value)

    def __le__(self, value: Any) -> Any:
        return self._compared(operator.le, value)

    def __gt__(self, value: Any) -> Any:
        return self._compared(operator.gt, value)

    def __ge__(self, value: Any) -> Any:
        return self._compared(operator.ge, value)

    def _is_none(self) -> Any:
        return _told(~self.exists)

    __hash__ = object.__hash__

    def _compared(self, how: Callable[[Any, Any], Any], value: Any) -> Any:
        return _told(how(self._plain, self._literal(self._stored(value))))

    def _literal(self, stored: Any) -> Any:
        return sa.literal(stored, type_of(self.field))

    def _stored(self, value: Any) -> Any:
        """What is stored for a value to compare with. Raises BadField."""
        is_time_in_json = self._kind == "datetime" and self.field.path
        if self._kind in _INCOMPARABLE or is_time_in_json:
            raise BadField(
                f"a field of kind {self._kind} has no comparisons"
                + (" in JSON" if is_time_in_json else ""),
                field=self.name,
                remedy="compare another field; `exists` says whether it has a value",
            )
        return self.field.stored(value)

    @property
    def _plain(self) -> Any:
        """The value as SQL compares it; NULL for a value of another kind."""
        if not self.field.path:
            if self._is_typed or self._kind in _INCOMPARABLE:
                return self._column
            return of_kind(self._column, self._kind, self.name)
        path, is_postgres = self.field.path, self._is_postgres
        text = text_at(self._column, path, is_postgres=is_postgres)
        wanted = {"bool": "boolean", "text": "string"}.get(self._kind, "number")
        if is_postgres and wanted != "string":
            text = sa.cast(text, sa.Boolean if wanted == "boolean" else sa.Numeric)
        is_wanted = kind_at(self._column, path, is_postgres=is_postgres) == wanted
        return sa.type_coerce(sa.case((is_wanted, text)), type_of(self.field))

    def __repr__(self) -> str:
        return f"<field {self.name}: {self.field.kind}>"
