"""Frames: rows as frames of pandas and polars, and as tables of Arrow.

AF1  A table of Arrow holds for each row what its fields have stored, in the same types whatever
     database they come from; a frame of polars is that table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .declared import Declared
from .errors import BadContent, BadDatabase
from .fields import Field
from .source import Pk

Found = tuple[Pk, tuple[Any, ...], Mapping[str, Any]]
"""The key of a row, what is stored for its fields, and what listeners predict."""

_DTYPES = {"int": "Int64", "float": "Float64", "bool": "boolean"}  # where values are missing


def frame_of(collection: Declared, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows of a collection as a frame of pandas, each column of the type of its field."""
    import pandas as pd

    columns = {
        name: [row[name] for row in rows]
        for name in [*collection.table.primary_key, *collection.fields]
    }
    made = {name: _series(pd, collection, name, values) for name, values in columns.items()}
    for name in dict.fromkeys(key for row in rows for key in row["_outputs"]):
        own = f"_outputs.{name}" if name in made else name
        made[own] = pd.Series([row["_outputs"].get(name) for row in rows], dtype=object)
        made[own] = made[own].infer_objects()
    return pd.DataFrame(made)


def _series(pd: Any, collection: Declared, name: str, values: Sequence[Any]) -> Any:
    field = collection.fields.get(name)
    kind = None if field is None or field.fetched is not None else field.kind
    if kind in _DTYPES and any(value is None for value in values):
        return pd.Series(values, dtype=_DTYPES[kind])  # without them, floats would be made of ints
    is_plain = field is None or kind in ("int", "float", "bool", "datetime")
    return pd.Series(values, dtype=None if is_plain and len(values) else object)


# --- Arrow


def arrow_type(field: Field) -> Any:
    """The type of the column of a field: media are the bytes of their files, JSON is a text."""
    import pyarrow

    kinds = {
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "bool": pyarrow.bool_(),
        "text": pyarrow.large_string(),
        "json": pyarrow.large_string(),
        "datetime": pyarrow.timestamp("us", "UTC"),
    }
    return kinds.get(field.kind, pyarrow.large_binary())


def cell(field: Field, stored: Any) -> Any:
    """The cell for what a database holds: the same one for each database. Raises BadContent."""
    if stored is None:
        return None
    if field.kind == "json":
        return field.content(stored).decode()
    plain = Field(field.kind, settings=field.settings)
    return bytes(stored) if field.is_media else plain.value(stored)


def table_of(collection: Declared, rows: Iterable[Found]) -> Any:
    """Rows of a collection as a table of Arrow, with a column for each listener (AF1).

    Raises BadContent, with the row, for what is stored in a table of somebody else and is no value.
    """
    import pyarrow

    found = [*rows]
    made: dict[str, Any] = {}
    for at, name in enumerate(collection.table.primary_key):
        made[name] = _inferred([pk[at] for pk, _, _ in found])
    for at, (name, field) in enumerate(collection.fields.items()):
        own = Field("text") if field.fetched else field
        cells = [_cell_of_row(own, name, pk, stored[at]) for pk, stored, _ in found]
        made[name] = pyarrow.array(cells, arrow_type(own))
    for name in dict.fromkeys(key for *_, outputs in found for key in outputs):
        column = f"_outputs.{name}" if name in made else name
        made[column] = _inferred([outputs.get(name) for *_, outputs in found])
    return pyarrow.table(made)


def _cell_of_row(field: Field, name: str, pk: Pk, stored: Any) -> Any:
    try:
        return cell(field, stored)
    except BadContent as error:
        raise error.having(field=name, row=pk[0] if len(pk) == 1 else pk) from None


def _inferred(values: Sequence[Any]) -> Any:
    """A column of values whose type nobody has declared; as texts, where they have no one type."""
    import pyarrow

    try:
        return pyarrow.array(values)
    except pyarrow.ArrowException:
        told = (json.dumps(one) if isinstance(one, dict | list) else str(one) for one in values)
        return pyarrow.array(
            [t if v is not None else None for t, v in zip(told, values, strict=True)]
        )


def as_polars(table: Any) -> Any:
    """A table of Arrow as a frame of polars. Raises BadDatabase where polars is not installed."""
    try:
        import polars
    except ImportError:
        raise BadDatabase("polars is not installed", remedy="pip install polars") from None
    return polars.from_arrow(table)
