"""Row keys: digests that are equal for equal rows, within one process and on one machine."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from ..core.digest import short
from ..core.errors import BadStage
from .rows import count

Keys = Sequence[bytes]


def row_keys(data: Any) -> list[bytes] | None:
    """A key of each row, equal for equal rows of one kind of data; None for data without rows."""
    try:
        count(data)
    except BadStage:
        return None
    return _keys(data)


def _keys(data: Any) -> list[bytes]:
    if isinstance(data, tuple):
        return [b"".join(keys) for keys in zip(*map(_keys, data), strict=True)]
    if hasattr(data, "iloc"):
        return _keys_of_frame(data)
    if hasattr(data, "toarray"):  # a sparse matrix
        data = data.toarray()
    if hasattr(data, "detach"):  # a tensor
        data = data.detach().cpu().numpy()
    if hasattr(data, "dtype") and data.dtype.kind != "O":
        array = np.ascontiguousarray(data)
        return [_key(row.tobytes()) for row in array]
    return [_key(repr(_plain(row)).encode("utf-8", "surrogatepass")) for row in data]


def _keys_of_frame(data: Any) -> list[bytes]:
    from pandas.util import hash_pandas_object

    try:
        hashed = hash_pandas_object(data, index=False)
    except TypeError:  # a cell, such as a list, has no hash
        table = data.to_frame() if not hasattr(data, "columns") else data
        return [_key(repr(_plain(row)).encode()) for row in table.itertuples(index=False)]
    return [key.tobytes() for key in hashed.to_numpy()]


def _key(row: bytes) -> bytes:
    return blake2b(row, digest_size=16).digest()


def _plain(row: Any) -> Any:
    """A row whose text is that of its values alone, for arrays shorten theirs."""
    if hasattr(row, "tolist"):
        return row.tolist()
    if isinstance(row, dict):
        return {key: _plain(one) for key, one in row.items()}
    return [_plain(one) for one in row] if isinstance(row, list | tuple) else row


def digest_of_rows(data: Any) -> str:
    """A digest of rows with their order, and the names and types of their columns; "" of none."""
    keys = row_keys(data)
    if keys is None:
        return ""
    types = getattr(data, "dtypes", getattr(data, "dtype", type(data).__name__))
    named = [*map(str, getattr(data, "columns", ()))]
    text = repr((named, [*map(str, types)] if named else str(types))).encode()
    return short("pystore prepared rows 1", text + b"".join(keys))
