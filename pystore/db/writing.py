"""Writing: rows as a table takes them, checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.printable import listed
from .declared import Declared
from .errors import BadContent, BadField, BadRow
from .row_keys import key_part


def rows_to_write(collection: Declared, rows: Any) -> list[dict[str, Any]]:
    """What the columns hold for these rows: dicts, a frame of pandas or polars, a table of Arrow.

    Raises BadRow and BadField, with the number of the row.
    """
    made = []
    for number, row in enumerate(_dicts(collection, rows)):
        try:
            made.append(row_to_write(collection, row))
        except (BadField, BadRow) as error:
            raise error.having(row=number) from error.__cause__
    with_key = [all(name in row for name in _key(collection)) for row in made]
    if any(with_key) and not all(with_key):
        raise BadRow(
            "some rows have a key, and others have none",
            row=with_key.index(not with_key[0]),
            remedy="give each row one, or none of them",
        )
    if not collection.is_ours:  # its owner says what a column holds that a row does not name
        return made
    names = sorted({name for row in made for name in row})
    return [{name: row.get(name) for name in names} for row in made]


def _dicts(collection: Declared, rows: Any) -> Iterable[Any]:
    if hasattr(rows, "to_dicts"):  # polars, whose columns may hold objects of Python
        return list(rows.to_dicts())
    if hasattr(rows, "to_pylist"):  # Arrow
        return list(rows.to_pylist())
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas
        return _of_pandas(collection, rows)
    if isinstance(rows, Mapping):
        return [rows]
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise BadRow(
            "these are no rows", given=repr(rows)[:80], remedy="insert([{'img': picture}, …])"
        )
    return rows


def _of_pandas(collection: Declared, frame: Any) -> list[dict[str, Any]]:
    known = {*_key(collection), *collection.fields} - {*frame.columns}
    levels = [name for name in frame.index.names if name is not None and name in known]
    frame = frame.reset_index(level=levels) if levels else frame
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise BadField(
            "a frame has two columns with one name",
            columns=listed(twice),
            remedy="rename one: frame.set_axis([…], axis=1)",
        )
    ints = {name for name, field in collection.fields.items() if field.kind == "int"}
    rows = [{k: _missing(v) for k, v in row.items()} for row in frame.to_dict("records")]
    # A column of integers of which some are missing is one of floats there.
    ints &= {name for name in frame.columns if frame[name].dtype.kind == "f"}
    for row in rows:
        for name in ints:
            if row[name] is not None and row[name].is_integer():
                row[name] = int(row[name])
    return rows


def row_to_write(
    collection: Declared, row: Mapping[str, Any], *, is_partial: bool = False
) -> dict[str, Any]:
    """What the columns hold for one row; a partial row changes some fields only."""
    if not isinstance(row, Mapping):
        raise BadRow("a row is a dict", given=repr(row)[:80], remedy="insert([{'img': picture}])")
    made = {}
    key = _key(collection)
    for name, value in row.items():
        if name == "_outputs" or (name in key and value is None):
            continue
        if name in key and name not in collection.fields:
            made[name] = key_part(collection, name, value)
        else:
            column, stored = _stored(collection, name, value)
            made[column] = stored
    required = [name for name, field in collection.fields.items() if field.required]
    absent = [name for name in required if name not in row]
    if absent and not is_partial:
        raise BadRow(
            f"the field {listed(absent)} is required",
            remedy="give a value, or declare the field without required=True",
        )
    if is_partial and not made:
        raise BadRow(
            "nothing is changed", remedy=f"{collection.name}.update({{'field': value}}, …)"
        )
    return made


def _stored(collection: Declared, name: str, value: Any) -> tuple[str, Any]:
    """The column of a field, and what it holds for a value."""
    if name not in collection.fields:
        raise collection.unknown(name)
    field = collection.fields[name]
    if field.path:
        raise BadField(
            f"{name} is a path in a column, which its owner writes",
            remedy=f"write the whole column {field.column}, with SQL",
        )
    if value is None and not field.required:
        return field.column or name, None
    if value is None:
        raise BadRow(
            f"the field {name} is required",
            remedy="give a value, or declare the field without required=True",
        )
    try:
        return field.column or name, field.stored(value)
    except (BadRow, BadContent) as error:
        raise BadRow(error.what, remedy=error.remedy, field=name, **error.facts) from error


def _key(collection: Declared) -> tuple[str, ...]:
    return ("id",) if collection.is_ours else tuple(collection.table.primary_key)


def _missing(value: Any) -> Any:
    """None for what pandas has in its place."""
    is_nan = isinstance(value, float) and value != value
    return None if is_nan or type(value).__name__ in ("NaTType", "NAType") else value
