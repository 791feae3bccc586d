"""Conditions of PostgreSQL: what they find is what `find` shows.

GW1  A value that `find` shows is found by it: a column of `real`, which is shown as 0.1, equals
     0.1, and a column of an enum, which is shown as a text, compares with texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.visitors import replacement_traverse


def as_shown(condition: Any, types: Mapping[str, Any]) -> Any:
    """A condition that compares what is shown of columns, whose types are known here (GW1)."""
    shown = {name: made for name, kind in types.items() if (made := _shown(name, kind)) is not None}
    if not shown:
        return condition

    def replaced(element: Any, **_: Any) -> Any:
        is_column = isinstance(element, sa.ColumnClause) and element.table is None
        return shown.get(element.name) if is_column else None

    return replacement_traverse(condition, {}, replaced)


def _shown(name: str, kind: Any) -> Any:
    """What a column shows, where that is not what the server compares."""
    if isinstance(kind, sa.Enum):
        return sa.cast(sa.column(name), sa.Text())
    if isinstance(kind, sa.Float) and not isinstance(kind, sa.Double):
        return sa.cast(sa.cast(sa.column(name), sa.Text()), sa.Double())
    return None
