"""Refusals: what a database does not take of what is written, told from a database that is away."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

# Of PostgreSQL: data, integrity, generated columns, views, features, and what a trigger raises.
_STATES = ("22", "23", "428C9", "55000", "0A000", "P0001", "27000")
_WORDS = ("generated column", "because it is a view")  # of SQLite


def refusal(error: sa.exc.DBAPIError) -> str | None:
    """Why a database does not take what is written; None where something else is wrong."""
    told: Any = error.orig
    said = (str(told).strip().splitlines() or [type(told).__name__])[0]
    state = getattr(told, "sqlstate", None)
    if state is not None:
        return said if state.startswith(_STATES) else None
    is_of_row = isinstance(error, sa.exc.IntegrityError | sa.exc.DataError)
    return said if is_of_row or any(one in said for one in _WORDS) else None
