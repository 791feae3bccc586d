"""Paths in columns of JSON: what is there, as both databases say it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from .kinds import json_or_malformed
from .tables import JSON

_HAS_ARROW = sqlite3.sqlite_version_info >= (3, 38)  # `->`, which gives JSON as it was written


def at_path(column: Any, path: Sequence[str], *, is_postgres: bool) -> Any:
    """The value at a path, as JSON; NULL where nothing is there, or where the text is no JSON."""
    if is_postgres:
        return column.op("#>", return_type=JSON)(_keys(path))
    # `json_extract` gives 1 for true, and fails for a text that is no JSON.
    kind, found = sa.func.json_type(column, _path(path)), sa.func.json_extract(column, _path(path))
    told = sa.case(
        (kind.in_(("true", "false")), kind),
        (kind.in_(("integer", "real")), _number(column, path, found)),
        else_=sa.func.json_quote(found),
    )
    return sa.type_coerce(sa.cast(_if_json(column, told), sa.LargeBinary), AsWritten())


def _number(column: Any, path: Sequence[str], found: Any) -> Any:
    """The text of a number: `json_quote` gives 15 digits of it."""
    if _HAS_ARROW:
        return column.op("->")(_path(path))
    return sa.case((sa.func.typeof(found) == "real", sa.func.printf("%!.17g", found)), else_=found)


class AsWritten(sa.types.TypeDecorator[Any]):
    """JSON of SQLite: any text in a column, or the bytes of what stands at a path.

    A half of a character, as "\\ud800", is no text there, and 1e400 no number: one such value is
    malformed, and holds up no other row.
    """

    impl = sa.types.NullType
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        """The value, or what is there in its place, as `Malformed`."""
        return json_or_malformed(value) if isinstance(value, str | bytes) else value


def text_at(column: Any, path: Sequence[str], *, is_postgres: bool) -> Any:
    """The value at a path as SQL compares it; NULL where nothing, null or no JSON is there."""
    if is_postgres:
        return column.op("#>>", return_type=sa.Text())(_keys(path))
    return _if_json(column, sa.func.json_extract(column, _path(path)))


def kind_at(column: Any, path: Sequence[str], *, is_postgres: bool) -> Any:
    """The kind of the value at a path: `string`, `number`, `boolean`, `null`, …"""
    if is_postgres:
        return sa.func.json_typeof(sa.cast(column.op("#>")(_keys(path)), postgresql.JSON))
    kind = sa.func.json_type(column, _path(path))
    named = {"text": "string", "integer": "number", "real": "number"}
    named |= {"true": "boolean", "false": "boolean"}
    return _if_json(column, sa.case(named, value=kind, else_=kind))


def _if_json(column: Any, found: Any) -> Any:
    return sa.case((sa.func.json_valid(column) == 1, found))


def _keys(path: Sequence[str]) -> Any:
    """An array of keys; in one text, as SQLAlchemy has it, `null` and `a,b` are something else."""
    return sa.cast(postgresql.array([sa.literal(key, sa.Text()) for key in path]), _TEXTS)


_TEXTS: Any = postgresql.ARRAY(sa.Text())


def _path(path: Sequence[str]) -> str:
    return "$" + "".join(f'."{key}"' for key in path)
