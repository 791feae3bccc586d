"""Row keys: the key of a row as its user gives it, checked before the database is asked.

GK1  A number of numpy is that number in a key, too; what is no key is refused and finds no row.
"""

from __future__ import annotations

from datetime import date, time
from typing import Any

from ..core.printable import listed
from .declared import Declared
from .errors import BadRow
from .fields import Field
from .kinds import is_int64, unwrapped
from .source import Pk

_OF_SQLITE = (int, float, str, bytes, date, time)


def key_part(collection: Declared, name: str, value: Any) -> Any:
    """What the column of a key holds for a value. Raises BadRow (GK1)."""
    if value is None:
        return None
    if collection.is_ours:
        return Field("int").stored(value)
    found, database = unwrapped(value), collection.database
    if not database.is_sql:
        return found
    is_large = isinstance(found, int) and not is_int64(found)
    is_of_none = isinstance(found, list | tuple | dict | set)
    is_strange = not database.is_postgres and not isinstance(found, _OF_SQLITE)
    if is_large or is_of_none or is_strange:
        raise BadRow(
            f"the key {name} has no such value",
            given=repr(value)[:80],
            type=type(value).__name__,
            remedy="give the key as `find` shows it: a number of up to 64 bits, a text or bytes",
        )
    return found


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
