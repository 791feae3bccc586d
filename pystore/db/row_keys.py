"""Row keys: the key of a row as its user gives it, checked before the database is asked.

GK1  A number of numpy is that number in a key, too; what is no key is refused and finds no row.
GK2  A key is of the type of its column, whichever call it is given to: a text is no number, and a
     number no text.
"""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ..core.printable import listed
from .declared import Declared
from .errors import BadRow
from .fields import Field
from .kinds import is_int64, is_kept_text, unwrapped
from .postgresql_keys import KeyTime
from .source import Pk

_OF_SQLITE = (int, float, str, bytes, date, time)
_NUMBERS = (int, float, Decimal)


def key_part(collection: Declared, name: str, value: Any) -> Any:
    """What the column of a key holds for a value. Raises BadRow (GK1, GK2)."""
    if value is None:
        return None
    if collection.is_ours:
        return Field("int").stored(value)
    found, database = unwrapped(value), collection.database
    if not database.is_sql:
        return found
    kind = collection.table.primary_key[name]
    if isinstance(kind, sa.Uuid) and isinstance(found, str):
        found = _uuid(found)
    if isinstance(kind, sa.Integer) and isinstance(found, float) and found.is_integer():
        found = int(found)
    fits = _fits_postgresql(kind, found) if database.is_postgres else _fits_sqlite(kind, found)
    is_none = found != found or (isinstance(found, int) and not is_int64(found))
    if not fits or is_none or (isinstance(found, str) and not is_kept_text(found)):
        raise BadRow(
            f"the key {name} has no such value",
            given=repr(value)[:80],
            type=type(value).__name__,
            column=str(kind),
            remedy="give the key as `find` shows it: a number of up to 64 bits, a text or bytes",
        )
    return found


def _fits_postgresql(kind: Any, value: Any) -> bool:
    """Whether a column of PostgreSQL compares with a value."""
    if isinstance(kind, KeyTime):
        return kind.holds(value)
    try:
        python = kind.python_type
    except NotImplementedError:  # such as an address of a network, which is given as a text
        return not isinstance(value, list | tuple | dict | set)
    if python in _NUMBERS and not isinstance(kind, sa.Integer):
        return isinstance(value, _NUMBERS) and not isinstance(value, bool)
    return isinstance(value, python) and (python is bool or not isinstance(value, bool))


def _fits_sqlite(kind: Any, value: Any) -> bool:
    """Whether a column of SQLite may hold a value: any, but what it makes another one of."""
    is_numeric = isinstance(kind, sa.Integer) or getattr(kind, "affinity", None) == "NUMERIC"
    if is_numeric and isinstance(value, str):
        return not _is_number(value)
    if isinstance(kind, sa.String) and isinstance(value, int | float):
        return False
    return isinstance(value, _OF_SQLITE) and not isinstance(value, bool)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _uuid(text: str) -> UUID | str:
    try:
        return UUID(text)
    except ValueError:
        return text


def pk_given(collection: Declared, given: Any) -> Pk:
    """The key of a row: a value, or one for each column of the key. Raises BadRow (GK1)."""
    parts = tuple(given) if isinstance(given, tuple | list) else (given,)
    names = [*collection.table.primary_key]
    if len(parts) != len(names):
        raise BadRow(
            f"the key of a row of {collection.name} has another number of parts",
            given=repr(given)[:80],
            parts=listed(names),
            remedy=f"give them in this order: ({', '.join(names)})",
        )
    return tuple(key_part(collection, *pair) for pair in zip(names, parts, strict=True))
