"""Conditions: which rows are meant, by their fields. They are expressions of SQLAlchemy.

users["img"].exists & users["label"].is_in(["dog", "cat"])
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from .errors import BadField
from .fields import Field
from .tables import JSON


class FieldOf:
    """A field of a collection, to compare with values. Combine conditions by `&`, `|` and `~`."""

    def __init__(self, name: str, field: Field, column: Any, *, is_postgres: bool) -> None:
        self.name, self.field = name, field
        self._column, self._is_postgres = column, is_postgres

    @property
    def exists(self) -> Any:
        """Whether there is a value: a path that is there, and that holds no null."""
        return self._text.is_not(None) if self.field.path else self._column.is_not(None)

    def is_in(self, values: Iterable[Any]) -> Any:
        """Whether the value is one of these."""
        return self._plain.in_([self._given(value) for value in values])

    def __eq__(self, value: object) -> Any:
        if value is None:
            return ~self.exists
        return self._plain == self._given(value)

    def __ne__(self, value: object) -> Any:
        return self.exists if value is None else self._plain != self._given(value)

    def __lt__(self, value: Any) -> Any:
        return self._plain < self._given(value)

    def __le__(self, value: Any) -> Any:
        return self._plain <= self._given(value)

    def __gt__(self, value: Any) -> Any:
        return self._plain > self._given(value)

    def __ge__(self, value: Any) -> Any:
        return self._plain >= self._given(value)

    __hash__ = object.__hash__

    def _given(self, value: Any) -> Any:
        if self.field.kind in ("image", "array", "own", "json"):
            raise BadField(
                f"a field of kind {self.field.kind} has no comparisons",
                field=self.name,
                remedy="compare another field; `exists` says whether it has a value",
            )
        return self.field.stored(value)

    @property
    def _text(self) -> Any:
        return self._json.as_string()

    @property
    def _json(self) -> Any:
        column = sa.type_coerce(self._column, JSON)
        if self._is_postgres:
            return column[self.field.path]
        is_json = sa.func.json_valid(self._column) == 1  # else the query would fail
        return sa.type_coerce(sa.case((is_json, self._column)), JSON)[self.field.path]

    @property
    def _plain(self) -> Any:
        """The value as SQL compares it; a value of another kind compares with nothing."""
        if not self.field.path:
            return self._column
        if self.field.kind in ("text", "datetime"):
            return self._text
        wanted = {"bool": "boolean"}.get(self.field.kind, "number")
        if self._is_postgres:
            kind = sa.func.jsonb_typeof(sa.cast(self._json, JSON))
            made = sa.cast(self._text, sa.Boolean if wanted == "boolean" else sa.Numeric)
            return sa.case((kind == wanted, made))
        found = self._json
        return found.as_boolean() if wanted == "boolean" else found.as_float()

    def __repr__(self) -> str:
        return f"<field {self.name}: {self.field.kind}>"
