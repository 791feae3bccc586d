"""Frames and series of pandas as Parquet.

FR1  A frame comes back with its items, dtypes, index, labels and attrs; what would not is refused.

The rows are in `data.parquet`, with the index behind the columns. The labels of the columns are in
`columns.parquet`, and the categories of a column in a file of their own. No metadata of pandas is
written: the dtypes stand in the index of the folder.
"""

import io
from typing import TYPE_CHECKING, Any

from .frame_columns import Column, from_arrow, to_arrow
from .kind import Stored, Written, no_saver
from .plain_values import decode, encode, is_plain

if TYPE_CHECKING:
    import pandas as pd

_DATA, _LABELS = "data", "columns"


def write(value: Any) -> Written:
    """A frame or a series. Raises BadStage for what would come back as something else."""
    import pandas as pd

    if type(value) not in (pd.DataFrame, pd.Series):
        raise no_saver(value, because="of pandas, only a DataFrame or a Series is saved as it is")
    series = isinstance(value, pd.Series)
    columns = [value] if series else [value.iloc[:, n] for n in range(value.shape[1])]
    labels = _Table(_LABELS)
    about = {
        "of": "series" if series else "frame",
        "attrs": _plain(value, dict(value.attrs), "attrs"),
        "name": _plain(value, _unboxed(value.name), "name") if series else None,
        "labels": None if series else labels.add_axis(value.columns),
    }
    names = [str(label) for label in ([value.name] if series else value.columns)]
    data = _Table(_DATA)
    about["columns"] = [data.add(c, name) for c, name in zip(columns, names, strict=True)]
    about["rows"] = data.add_axis(value.index)
    return Written(about, data.files() | ({} if series else labels.files()))


def read(stored: Stored) -> Any:
    """The frame or the series."""
    import pandas as pd

    about, data = stored.about, _Reader(stored, _DATA)
    columns = [data.next(column) for column in about["columns"]]
    rows = data.next_axis(about["rows"])
    # A dtype that is said is not guessed: pandas takes arrays of objects for texts.
    made = [pd.Series(c, index=rows, dtype=c.dtype, copy=False) for c in columns]
    if about["of"] == "series":
        (value,) = made
        value.name = decode(about["name"])
    else:
        value = pd.DataFrame(dict(enumerate(made)), index=rows)
        value.columns = _Reader(stored, _LABELS).next_axis(about["labels"])
    value.attrs = decode(about["attrs"])
    return value


class _Table:
    """Columns of one length, which are written as one file of Parquet."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._columns: list[Column] = []
        self._names: list[str] = []
        self._categories: dict[str, bytes] = {}

    def add(self, values: "pd.Series | pd.Index", name: str) -> dict[str, Any]:
        """Adds a column; gives the facts that bring it back."""
        column = to_arrow(values, name)
        about = dict(column.about)
        if column.categories is not None:
            inner = _Table(f"{self._file}-categories-{len(self._columns)}")
            about["categories"] = inner.add_axis(column.categories)
            self._categories |= inner.files()
        self._columns.append(column)
        self._names.append(name)
        return about

    def add_axis(self, index: "pd.Index") -> dict[str, Any]:
        """Adds an index; gives the facts that bring it back."""
        import pandas as pd

        names = [_plain(index, _unboxed(name), "name of an index") for name in index.names]
        if type(index) is pd.RangeIndex:
            return {"range": [index.start, index.stop, index.step], "names": names}
        if isinstance(index, pd.MultiIndex):
            levels = [index.get_level_values(n) for n in range(index.nlevels)]
        else:
            levels = [index]
        about: dict[str, Any] = {"names": names, "multi": isinstance(index, pd.MultiIndex)}
        about["levels"] = [self.add(level, f"index {n}") for n, level in enumerate(levels)]
        about["freq"] = getattr(index, "freqstr", None)
        return about

    def files(self) -> dict[str, bytes]:
        """The file, and those of the categories."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        distinct = len(set(self._names)) == len(self._names)
        names = self._names if distinct else [str(n) for n in range(len(self._names))]
        table = pa.table([c.items for c in self._columns], names=names)
        out = io.BytesIO()
        # Without dictionaries, whose pages depend on sizes, and with nothing of pandas.
        pq.write_table(
            table, out, version="2.6", compression="zstd", use_dictionary=False,
            write_statistics=False, store_schema=True,
        )  # fmt: skip
        return {f"{self._file}.parquet": out.getvalue(), **self._categories}


class _Reader:
    """Takes the columns of one file, in the order in which they were added."""

    def __init__(self, stored: Stored, file: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._stored, self._file = stored, file
        content = pa.BufferReader(stored.files[f"{file}.parquet"])
        self._columns = iter(enumerate(pq.ParquetFile(content).read().columns))

    def next(self, about: dict[str, Any]) -> Any:
        """The items of the next column."""
        number, items = next(self._columns)
        categories = None
        if "categories" in about:
            inner = _Reader(self._stored, f"{self._file}-categories-{number}")
            categories = inner.next_axis(about["categories"])
        return from_arrow(about, items, categories)

    def next_axis(self, about: dict[str, Any]) -> "pd.Index":
        """The next index."""
        import pandas as pd

        names = [decode(name) for name in about["names"]]
        if "range" in about:
            return pd.RangeIndex(*about["range"], name=names[0])
        levels = [self.next(level) for level in about["levels"]]
        if about["multi"]:
            indexes = [pd.Index(level, dtype=level.dtype) for level in levels]
            return pd.MultiIndex.from_arrays(indexes, names=names)
        index = pd.Index(levels[0], dtype=levels[0].dtype, name=names[0])
        if about["freq"] is not None:
            index.freq = about["freq"]
        return index


def _plain(owner: object, value: Any, place: str) -> Any:
    """The JSON of a label or of attrs."""
    if not is_plain(value):
        raise no_saver(owner, because=f"its {place} is not plain", given=repr(value)[:200])
    return encode(value)


def _unboxed(label: Any) -> Any:
    """A label as a plain value: pandas finds a column by 1 and by NumPy's 1 alike."""
    import numpy as np

    return label.item() if isinstance(label, np.generic) else label
