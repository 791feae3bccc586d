"""Table files: CSV and Parquet, read and written in chunks of rows.

TF1  Memory follows the size of a chunk, never that of the file.
TF2  A cell of a CSV file stays the text that it is.
TF3  What is written stands under its name when it is whole, and leaves nothing when it is not.
"""

import csv
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..core.dataclasses import dataclass, field
from ..core.errors import BadPlace
from ..core.printable import listed
from .errors import BadFeatures

CELLS = 1_000_000  # in a chunk, at most
ROWS = 10_000  # in a chunk, at most


@dataclass(frozen=True)
class Chunk:
    """Some rows of a table, as an Arrow table."""

    table: Any
    numbers: Sequence[int]  # of each row: its line in a CSV file; else which row it is, from 1
    torn: Mapping[int, str] = field(default_factory=dict)  # places of rows with too few cells: why


@dataclass(frozen=True)
class TableFile:
    """A table that is read chunk by chunk."""

    empty: Any  # an Arrow table with its columns, and no rows
    chunks: Iterator[Chunk]
    word: str  # for a row in messages: "line" of a CSV file, "row" of a Parquet file

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(self.empty.column_names)

    @property
    def is_text(self) -> bool:
        """Whether its cells are texts."""
        return self.word == "line"


# --- reading ---------------------------------------------------------------------------


@contextmanager
def read_table(source: Path | BinaryIO) -> Iterator[TableFile]:
    """Reads a .csv or .parquet file, or CSV from a stream. Raises BadPlace, BadFeatures."""
    if isinstance(source, Path):
        _check_ending(source)
        try:
            file: BinaryIO = source.open("rb")
        except OSError as error:
            raise BadPlace(
                "this file cannot be read",
                file=source,
                because=error.strerror,
                remedy="name one that is there",
            ) from None
        with file:
            parquet = source.suffix == ".parquet"
            yield _parquet(file) if parquet else _csv(file)
    else:
        yield _csv(source)


def _check_ending(path: Path) -> None:
    if path.suffix not in (".csv", ".parquet"):
        raise BadPlace(
            "the ending of this file names no table",
            file=path,
            remedy="name a file that ends in .csv or .parquet, or - for CSV",
        )


def _parquet(file: BinaryIO) -> TableFile:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        opened = ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise BadFeatures(
            "this is no Parquet file", because=str(error)[:200], remedy="write it again"
        ) from None
    rows = _rows(_checked(opened.schema_arrow.names))

    def chunks() -> Iterator[Chunk]:
        read = 0
        for batch in opened.iter_batches(batch_size=rows):
            yield Chunk(
                pyarrow.Table.from_batches([batch]), range(read + 1, read + 1 + batch.num_rows)
            )
            read += batch.num_rows

    return TableFile(opened.schema_arrow.empty_table(), chunks(), "row")


def _csv(file: BinaryIO) -> TableFile:
    lines = _Lines(TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    _, header = next(lines, (0, None))
    if header is None:
        raise BadFeatures("this CSV has no header", remedy="name the columns in the first line")
    return TableFile(_csv_chunk(_checked(header), []).table, _csv_chunks(header, lines), "line")


class _Lines(Iterator[tuple[int, list[str]]]):
    """The rows of a CSV file, each with the line where it begins; empty lines are left out."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text  # closed by the one who has opened the file below it
        self._reader = csv.reader(text, strict=True)

    def __next__(self) -> tuple[int, list[str]]:
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except (csv.Error, UnicodeDecodeError) as error:
                raise BadFeatures(
                    f"line {line} is no CSV in UTF-8",
                    because=str(error)[:200],
                    remedy="correct the file; commas are between cells, and quotes around texts",
                ) from None
            if cells:
                return line, cells


def _csv_chunks(header: list[str], lines: _Lines) -> Iterator[Chunk]:
    while rows := list(islice(lines, _rows(header))):
        yield _csv_chunk(header, rows)


def _csv_chunk(header: list[str], rows: list[tuple[int, list[str]]]) -> Chunk:
    import pyarrow

    torn = {}
    for place, (line, cells) in enumerate(rows):
        if len(cells) > len(header):
            raise BadFeatures(
                f"line {line} has {len(cells)} cells, and there are {len(header)} columns",
                remedy="correct the line; a text with a comma stands in quotes",
            )
        if len(cells) < len(header):
            torn[place] = f"it has {len(cells)} cells, and there are {len(header)} columns"
            cells += [""] * (len(header) - len(cells))
    columns = zip(*(cells for _, cells in rows), strict=True) if rows else ([] for _ in header)
    arrays = [pyarrow.array(column, pyarrow.string()) for column in columns]
    return Chunk(pyarrow.Table.from_arrays(arrays, header), [line for line, _ in rows], torn)


def _checked(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadFeatures(
            "several columns have one name", names=listed(twice, most=3), remedy="rename them"
        )
    return names


def _rows(names: Sequence[str]) -> int:
    return max(1, min(ROWS, CELLS // max(1, len(names))))


# --- writing ---------------------------------------------------------------------------


class Writer(Protocol):
    """Takes Arrow tables of one schema, and writes them one below the other."""

    def write(self, table: Any) -> None:
        """Writes the rows of a table."""

    def close(self) -> None:
        """Writes what must stand at the end."""


@contextmanager
def write_table(target: Path | BinaryIO) -> Iterator[Writer]:
    """Writes a .csv or .parquet file, or CSV to a stream, when the block has ended well (TF3)."""
    if isinstance(target, Path):
        _check_ending(target)
        with _whole(target) as file:
            kind = _ParquetWriter if target.suffix == ".parquet" else _CsvWriter
            with closing(kind(file)) as writer:
                yield writer
    else:
        from shutil import copyfileobj
        from tempfile import TemporaryFile

        with TemporaryFile() as spool:
            with closing(_CsvWriter(spool)) as writer:
                yield writer
            spool.seek(0)
            copyfileobj(spool, target)
            target.flush()


@contextmanager
def _whole(target: Path) -> Iterator[BinaryIO]:
    """A file beside the target, which takes its place when the block has ended well."""
    target = Path(os.path.realpath(target))
    if target.exists() and not target.is_file():
        raise BadPlace("this is no file", path=target, remedy="name a file, or - for CSV")
    beside = target.parent / f".{target.name[:100]}.{secrets.token_hex(4)}"
    try:
        file = beside.open("xb")
    except OSError as error:
        raise BadPlace(
            "nothing can be written here", folder=target.parent, because=error.strerror,
            remedy="name a file in a folder that is there and is yours",
        ) from None  # fmt: skip
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


class _ParquetWriter:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: Any = None

    def write(self, table: Any) -> None:
        from pyarrow.parquet import ParquetWriter

        if self._writer is None:
            self._writer = ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _CsvWriter:
    def __init__(self, file: BinaryIO) -> None:
        self._text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._has_header = False

    def write(self, table: Any) -> None:
        if not self._has_header:
            self._has_header = True
            self._writer.writerow(table.column_names)
        columns = [map(_cell, column.to_pylist()) for column in table.columns]
        self._writer.writerows(zip(*columns, strict=True))

    def close(self) -> None:
        self._text.detach()  # the file below it is not ours


def _cell(value: Any) -> Any:
    """A value as a CSV file has it: lists and dicts are JSON."""
    if isinstance(value, bytes):
        raise BadFeatures("a CSV file has no bytes", remedy="write a .parquet file: -o out.parquet")
    if isinstance(value, list | dict):
        from json import dumps

        return dumps(value, default=str, ensure_ascii=False)
    return value
