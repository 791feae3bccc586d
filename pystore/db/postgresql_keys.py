"""Keys of PostgreSQL: the types by which the columns of a primary key are read, sought and kept.

GP1  A row has a prediction whatever the type of its key: a value that Python does not have, such as
     `infinity`, and a value of a type that Python does not know, such as an enum, go as texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

_AS_PYTHON_HAS = (
    *(sa.Integer, sa.Numeric, sa.Double, sa.Boolean, sa.LargeBinary, sa.Uuid),
    *(
        postgresql.INET,
        postgresql.CIDR,
        postgresql.MACADDR,
        postgresql.MACADDR8,
        postgresql.BIT,
        postgresql.INTERVAL,
    ),
)
_TIMES = (sa.Date, sa.DateTime, sa.Time)
_NOT_OF_PYTHON = re.compile(r"-?infinity|\d{5,}-.*|.* BC|24:00:00.*")
# A type without its limits, so that the owner may widen the column; of a domain what it narrows.
_NAMES = """
WITH RECURSIVE narrowed(attname, type) AS (
    SELECT attname, atttypid FROM pg_catalog.pg_attribute
    WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT attname, typbasetype FROM narrowed JOIN pg_catalog.pg_type AS t ON t.oid = type
    WHERE typtype = 'd'
)
SELECT attname, format_type(type, -1) FROM narrowed JOIN pg_catalog.pg_type AS t ON t.oid = type
WHERE typtype <> 'd'
"""


def key_types(connection: sa.Connection, table: str, types: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a key with the types by which pystore has them (GP1)."""
    found = connection.execute(sa.text(_NAMES), {"table": table})
    names = {str(column): str(name) for column, name in found}
    return {column: _key_type(kind, names.get(column, "")) for column, kind in types.items()}


def _key_type(kind: Any, name: str) -> Any:
    is_text = isinstance(kind, sa.String) and not isinstance(kind, sa.Enum)
    if is_text or isinstance(kind, _AS_PYTHON_HAS):
        return kind
    return KeyTime(kind) if isinstance(kind, _TIMES) else InText(name)


def array_of(kind: Any, dialect: sa.Dialect) -> tuple[str, str]:
    """The type of an array in which values of a key are sent, and the type of a value."""
    if isinstance(kind, sa.String) and kind.collation is not None:  # which no array has
        kind = type(kind)(kind.length)
    one = kind.compile(dialect)
    return ("text[]" if isinstance(kind, KeyTime | InText) else f"{one}[]"), one


def sent(values: Iterable[Any], kind: Any) -> list[Any]:
    """The values of such an array."""
    return [str(one) for one in values] if isinstance(kind, KeyTime | InText) else [*values]


class KeyTime(sa.types.TypeDecorator[Any]):
    """A time in a key; the text of one that Python does not have."""

    impl = sa.types.NullType
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    @property
    def python_type(self) -> Any:
        """What Python has for most of the values."""
        return self.kind.python_type

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """The type of the column."""
        return dialect.type_descriptor(self.kind)

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """The type itself, so that a text is sent as a time."""
        return self

    def holds(self, value: object) -> bool:
        """Whether `find` shows such a value for a key."""
        if isinstance(value, str):
            return _NOT_OF_PYTHON.fullmatch(value) is not None
        return isinstance(value, self.python_type)


class InText(sa.types.UserDefinedType[Any]):
    """A type of PostgreSQL by its name; its values are texts here, as the server writes them."""

    cache_ok = True
    render_bind_cast = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """The type as SQL has it."""
        return self.name

    def column_expression(self, column: Any) -> Any:
        """The text of what a column holds."""
        return sa.cast(column, sa.Text())

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """The type itself, so that a text is sent as a value of it."""
        return self
