"""Stored rows: what a snapshot holds: chunks of Parquet, which are read row by row.

RW1  The bytes of a chunk follow from its rows alone, so that rows that are appended leave the full
     chunks before them as they were.
RW2  A row comes back as the values that were stored; a folder without such rows is refused.

A folder has `fields.json` (the fields, those of x and y, the count of rows) and
`rows-00000.parquet` and so on, of 10,000 rows each: the key of a row, then a column for each field.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ..core.errors import BadStage, Corrupted
from ..core.printable import listed
from ..db.fields import Field, field_from
from ..db.frames import arrow_type, as_polars, cell
from .torch_rows import TorchRows

CHUNK = 10_000  # rows in a file
GROUP = 500  # rows of a file that are read and kept together
MOST = 1 << 30  # [bytes] of the groups that stay in memory
FIELDS = "fields.json"

Stored = tuple[bytes, Mapping[str, Any]]
"""The key of a row, and what is stored for each field."""


def write_rows(
    folder: Path,
    x: Sequence[str],
    y: str | None,
    fields: Mapping[str, Field],
    rows: Iterable[Stored],
) -> int:
    """Writes rows into a folder, in their order, and returns their count (RW1).

    `x` names the fields to predict from, `y` the one to predict; `fields` are all that are kept.
    A value of a row is what the column of its field holds, as `Field.stored` makes it, or None.
    Raises BadStage when x or y is no field; what is stored wrong raises BadContent.
    """
    strange = [name for name in (*x, y) if name is not None and name not in fields]
    if strange or not x:
        raise BadStage(
            "x and y are fields of the rows",
            strange=listed(strange) or None,
            fields=listed(fields),
            remedy="name fields that the rows have, and one at least for x",
        )
    left, count = iter(rows), 0
    while chunk := list(islice(left, CHUNK)):
        _write_chunk(folder / _name(count // CHUNK), fields, chunk)
        count += len(chunk)
    told = {name: field.describe() for name, field in fields.items()}
    about = {"x": list(x), "y": y, "fields": told, "count": count}
    (folder / FIELDS).write_text(json.dumps(about, indent=1) + "\n")
    return count


def _write_chunk(path: Path, fields: Mapping[str, Field], rows: list[Stored]) -> None:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    kinds = [pyarrow.binary(16), *(arrow_type(field) for field in fields.values())]
    schema = pyarrow.schema(list(zip(("key", *fields), kinds, strict=True)))
    with ParquetWriter(
        path, schema, version="2.6", compression="zstd", use_dictionary=False,
        write_statistics=False, store_schema=True,
    ) as writer:  # fmt: skip
        for first in range(0, len(rows), GROUP):
            group = rows[first : first + GROUP]
            columns = [[key for key, _ in group], *_columns(fields, group)]
            arrays = [pyarrow.array(c, k) for c, k in zip(columns, kinds, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _columns(fields: Mapping[str, Field], rows: Sequence[Stored]) -> Iterator[list[Any]]:
    for name, field in fields.items():
        yield [cell(field, values.get(name)) for _, values in rows]


def _name(chunk: int) -> str:
    return f"rows-{chunk:05}.parquet"


class Rows(Sequence[tuple[Any, Any]]):
    """Rows as pairs (x, y) of Python values: x is that of the only field, or a dict of several.

    Without a field for y, y is None. `fields` gives fields with functions of your own again, whose
    values are bytes otherwise. The values are decoded when a row is asked for.

    Raises BadStage when there are no such rows in the folder (RW2).
    """

    def __init__(self, path: Path | str, fields: Mapping[str, Field] | None = None) -> None:
        self.path = Path(path)
        told = _about(self.path)
        self.x: tuple[str, ...] = tuple(told["x"])
        self.y: str | None = told["y"]
        self.fields: dict[str, Field] = {
            name: (fields or {}).get(name) or field_from(one)
            for name, one in told["fields"].items()
        }
        self._count: int = told["count"]
        self._places = {name: at for at, name in enumerate(self.fields, 1)}
        self._groups: OrderedDict[tuple[int, int], Any] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(self._count))]
        return self.input(row), self.target(row)

    def input(self, row: int) -> Any:
        """The x of a row."""
        if len(self.x) == 1:
            return self._value(self.x[0], row)
        return {name: self._value(name, row) for name in self.x}

    def target(self, row: int) -> Any:
        """The y of a row; None where rows have none."""
        return None if self.y is None else self._value(self.y, row)

    def targets(self) -> list[Any]:
        """The y of all rows; nothing else is read."""
        if self.y is None:
            return [None] * self._count
        chunks = range(0, self._count, CHUNK)
        cells = (_read_column(self.path / _name(at // CHUNK), self.y) for at in chunks)
        return [self._of_cell(self.y, cell) for chunk in cells for cell in chunk]

    def keys(self) -> list[bytes]:
        """The keys of all rows, in their order; nothing else is read."""
        chunks = range(0, self._count, CHUNK)
        return [key for at in chunks for key in _read_keys(self.path / _name(at // CHUNK))]

    def stored(self, row: int) -> Stored:
        """The key of a row, and what is stored for its fields, as `write_rows` takes it."""
        key = self._group(row)[0][row % CHUNK % GROUP].as_py()
        return key, {n: self._of_json(n, self._cell(n, row)) for n in self.fields}

    # --- all rows at once

    def frame(self) -> Any:
        """A DataFrame with a column for each field of x and y; pictures are those of Pillow."""
        import pandas

        names = self._names
        columns = {name: self._all(name) for name in names}
        media = [name for name in names if self.fields[name].is_media]
        return pandas.DataFrame(
            {n: pandas.Series(c, dtype=object if n in media else None) for n, c in columns.items()}
        )

    def arrow(self) -> Any:
        """A table of Arrow with a column for each field of x and y, as it is stored: media are the
        bytes of their files, JSON is a text."""
        import pyarrow

        names = self._names
        chunks = [
            _read(self.path / _name(at // CHUNK), lambda file: file.read())
            for at in range(0, self._count, CHUNK)
        ]
        places = [self._places[name] for name in names]
        schema = pyarrow.schema([(name, arrow_type(self.fields[name])) for name in names])
        return pyarrow.concat_tables(
            [schema.empty_table(), *(one.select(places) for one in chunks)]
        )

    def polars(self) -> Any:
        """A frame of polars, made of the table of Arrow."""
        return as_polars(self.arrow())

    def arrays(self) -> tuple[Any, Any]:
        """The arrays (x, y): x has a row for each row, y is None where rows have none.

        A field of pictures or arrays must be the only one of x. Raises BadStage when its values
        have several shapes, or when a value is missing.
        """
        import numpy as np

        columns = [self._whole(name) for name in self.x]
        if any(self.fields[name].is_media for name in self.x):
            if len(columns) > 1:
                raise BadStage(
                    "pictures and other fields make no array together",
                    fields=listed(self.x),
                    remedy="use rows.frame(), or a snapshot of one field",
                )
            inputs = self._stacked(columns[0])
        else:
            inputs = np.column_stack([np.asarray(column) for column in columns])
        return inputs, None if self.y is None else self._stacked(self._whole(self.y))

    def images(self) -> list[Any]:
        """The pictures of the only field of pictures in x."""
        found = [name for name in self.x if self.fields[name].kind == "image"]
        if len(found) != 1:
            raise BadStage(
                "these rows have not one field of pictures",
                fields=", ".join(f"{name}: {self.fields[name].kind}" for name in self.x),
                remedy="use rows.frame()[name]",
            )
        return self._all(found[0])

    def torch(
        self, preprocess: Callable[[Any], Any] | None = None, classes: Sequence[Any] | None = None
    ) -> TorchRows:
        """A Dataset for PyTorch, of pairs (preprocess(x), y); with `classes`, y is a place in them.

        Raises BadStage for a y that is no class.
        """
        return TorchRows(self, preprocess, classes)

    # --- how they are read

    @property
    def _names(self) -> list[str]:
        """The fields of x and y, each once."""
        return [*dict.fromkeys((*self.x, *([] if self.y is None else [self.y])))]

    def _all(self, name: str) -> list[Any]:
        return [self._value(name, row) for row in range(self._count)]

    def _whole(self, name: str) -> list[Any]:
        found = self._all(name)
        missing = [row for row, value in enumerate(found) if value is None]
        if missing:
            raise BadStage(
                f"{name} is missing in {len(missing)} rows",
                rows=listed(missing, most=5),
                remedy="leave these rows out: collection.where(collection[name].exists)",
            )
        return found

    def _stacked(self, values: list[Any]) -> Any:
        import numpy as np

        arrays = [np.asarray(one) for one in values]
        shapes = dict.fromkeys(one.shape for one in arrays)
        if len(shapes) > 1:
            raise BadStage(
                "values of several shapes make no array",
                shapes=listed(shapes, most=5),
                remedy="use rows.frame() or rows.torch(preprocess), and give them one shape",
            )
        return np.stack(arrays) if arrays else np.zeros(0)

    def _value(self, name: str, row: int) -> Any:
        return self._of_cell(name, self._cell(name, row))

    def _of_cell(self, name: str, cell: Any) -> Any:
        stored = self._of_json(name, cell)
        return None if stored is None else self.fields[name].value(stored)

    def _of_json(self, name: str, cell: Any) -> Any:
        return json.loads(cell) if cell is not None and self.fields[name].kind == "json" else cell

    def _cell(self, name: str, row: int) -> Any:
        row = range(self._count)[row]
        return self._group(row)[self._places[name]][row % CHUNK % GROUP].as_py()

    def _group(self, row: int) -> Any:
        """The columns of the rows that are kept together with this one."""
        number = chunk, group = row // CHUNK, row % CHUNK // GROUP
        if number in self._groups:
            self._groups.move_to_end(number)
            return self._groups[number]
        table = _read_group(self.path / _name(chunk), group)
        self._groups[number] = [column.chunk(0) for column in table.columns]
        while len(self._groups) > 1 and self._bytes() > MOST:
            self._groups.popitem(last=False)
        return self._groups[number]

    def _bytes(self) -> int:
        return sum(column.nbytes for group in self._groups.values() for column in group)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_groups": OrderedDict()}

    def __repr__(self) -> str:
        return f"<{self._count:,} rows: {', '.join(self.x)} → {self.y}>"


def has_rows(folder: Path) -> bool:
    """Whether a realization holds rows."""
    return (folder / FIELDS).is_file()


def _about(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / FIELDS).read_text())
        if {*told["x"], *filter(None, [told["y"]])} <= told["fields"].keys():
            return told
        because = "x or y is no field"
    except FileNotFoundError:
        raise BadStage(
            "these are no rows of a snapshot",
            path=folder,
            because=f"there is no {FIELDS}",
            remedy="give a snapshot of a collection, or a stage that calls write_rows",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        because = f"{type(error).__name__}: {error}"[:200]
    raise _damaged(folder / FIELDS, because)


def _read_group(path: Path, group: int) -> Any:
    return _read(path, lambda file: file.read_row_group(group).combine_chunks())


def _read_column(path: Path, name: str) -> list[Any]:
    """The cells of a column; the last one, where the column of keys has the same name."""
    cells: list[Any] = _read(path, lambda file: file.read(columns=[name]).columns[-1].to_pylist())
    return cells


def _read_keys(path: Path) -> list[bytes]:
    """The cells of the first column, though another one may have its name."""
    keys: list[bytes] = _read(path, lambda file: file.read(columns=["key"]).columns[0].to_pylist())
    return keys


def _read(path: Path, read: Callable[[Any], Any]) -> Any:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            return read(file)
    except (OSError, pyarrow.ArrowException) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}"[:200]) from error


def _damaged(path: Path, because: str) -> Corrupted:
    return Corrupted(
        "stored rows are not whole",
        path=path,
        because=because,
        remedy="take the snapshot again, or fetch it again from where it came",
    )
