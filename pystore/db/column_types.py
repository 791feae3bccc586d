"""Types of columns: which values a column can hold, as a database tells its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DOMAIN

_TEXTS = ("text", "other")
_NUMBERS = ("whole", "decimal", "fraction")
_FAMILIES = (
    (sa.JSON, "json"),
    (sa.Boolean, "bool"),
    (sa.Integer, "whole"),
    (sa.Float, "fraction"),  # to SQLAlchemy 2.0 a Numeric as well
    (sa.Numeric, "decimal"),
    (sa.LargeBinary, "bytes"),
    (sa.DateTime, "time"),
    (sa.String, "text"),
)
_ALSO_ON_POSTGRESQL: Mapping[str, tuple[str, ...]] = {
    "whole": ("decimal",),
    "fraction": ("decimal",),
}
_ALSO_ON_SQLITE: Mapping[str, tuple[str, ...]] = {
    "time": _TEXTS,
    "json": _TEXTS,
    "bool": _NUMBERS,
    "whole": _NUMBERS,
    "fraction": _NUMBERS,
}


def can_hold(kind: Any, wanted: Any, *, is_postgres: bool) -> bool:
    """Whether a column of this type can hold what one of the wanted type holds.

    A column of SQLite holds anything; what is no such value is found when it is read.
    """
    has, needed = _family(kind), _family(wanted)
    if is_postgres:
        return has != "other" and has in (needed, *_ALSO_ON_POSTGRESQL.get(needed, ()))
    return has in (needed, "other", *_ALSO_ON_SQLITE.get(needed, ()))


def told_type(kind: Any) -> Any:
    """The type of a column; that of a domain is the type which the domain narrows."""
    if isinstance(kind, DOMAIN):
        return told_type(kind.data_type)
    if isinstance(kind, sa.String) and kind.collation == "default":  # told of domains alone
        return type(kind)(kind.length)
    return kind


def is_text(kind: Any) -> bool:
    """Whether a column of this type may hold texts."""
    return _family(kind) in _TEXTS


def _family(kind: Any) -> str:
    """The family of types that a type is of."""
    if isinstance(kind, sa.types.TypeDecorator):
        kind = kind.impl
    return next((name for one, name in _FAMILIES if isinstance(kind, one)), "other")
