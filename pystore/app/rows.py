"""Rows: the parts of data of any kind: frames, arrays, and tuples or lists of these."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.errors import BadStage
from ..core.printable import listed


def count(data: Any) -> int:
    """The number of rows. Raises BadStage for data without rows, or of several lengths."""
    if isinstance(data, tuple):
        lengths = {count(one) for one in data}
        if len(lengths) == 1:
            return lengths.pop()
        raise BadStage(
            "the parts of the data have different numbers of rows",
            given=", ".join(str(count(one)) for one in data) or "nothing",
            remedy="return (features, targets) with one row for each example",
        )
    if hasattr(data, "shape") and len(data.shape) > 0:
        return int(data.shape[0])
    if isinstance(data, list):
        return len(data)
    raise BadStage(
        "this data has no rows",
        given=type(data).__name__,
        remedy="return a frame, an array, a list, or a tuple (features, targets) of these",
    )


def taken(data: Any, rows: Any) -> Any:
    """The rows with these numbers, in this order."""
    if isinstance(data, tuple):
        return tuple(taken(one, rows) for one in data)
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    if isinstance(data, list):
        return [data[row] for row in rows]
    return data[rows]


def copied(data: Any) -> Any:
    """The same rows; a function that changes them in place changes no others."""
    if hasattr(data, "clone"):  # a tensor
        return data.clone()
    return data.copy() if hasattr(data, "copy") else data


def aligned(data: Any) -> None:
    """Raises BadStage when frames of one tuple name the same rows in another order."""
    several = data if isinstance(data, tuple) else ()
    named = [one.index for one in several if hasattr(one, "iloc")]
    for other in named[1:]:
        if not other.equals(named[0]) and set(other) == set(named[0]):
            raise BadStage(
                "features and targets have the same rows in another order",
                because="their indexes hold the same labels in another order, and rows are taken "
                "by their place",
                remedy="order one by the other: targets.loc[features.index]; or reset_index",
            )


def same_rows(before: Any, after: Any) -> None:
    """Raises BadStage when a feature_transformer has returned the rows in another order."""
    if not (hasattr(before, "iloc") and hasattr(after, "iloc")):
        return
    if not after.index.equals(before.index) and set(after.index) == set(before.index):
        raise BadStage(
            "the feature_transformer returns the rows in another order",
            because="each row has its target, and its prediction, by its place",
            remedy="return them in the order in which they came: result.loc[features.index]",
        )


def same_length(parsed: tuple[Any, ...]) -> None:
    """Raises BadStage unless there is one target for each row of features."""
    lengths = [_length(one) for one in parsed[:2]]
    if None not in lengths and len(set(lengths)) > 1:
        features, targets = lengths
        raise BadStage(
            "features and targets have different numbers of rows",
            features=features,
            targets=targets,
            remedy="let @dataset.parser, or the reader, return one target for each row",
        )


def _length(data: Any) -> int | None:
    try:
        return count(data)
    except BadStage:  # a part that has no rows, such as a dict, is the affair of the trainer
        return None


def same_columns(parts: Mapping[str, Any]) -> None:
    """Raises BadStage where the features of two parts have other columns, or other categories."""
    (first, one), *others = parts.items()
    for name, other in others:
        if (here := _columns(one)) != (there := _columns(other)):
            raise BadStage(
                f"the features of {first} and of {name} are not the same columns",
                **{first: _shown(here, there), name: _shown(there, here)},
                remedy="give all parts the same columns in the same order, of the same types; "
                "make categories in the reader, before the data are split",
            )


def _columns(features: Any) -> list[Any]:
    """The columns of a frame, with their categories; of an array, the shape of a row."""
    if hasattr(features, "columns"):
        kinds = [getattr(kind, "categories", None) for kind in features.dtypes]
        known = [None if kind is None else [*kind] for kind in kinds]
        return list(zip(features.columns, known, strict=True))
    return [tuple(features.shape[1:])] if hasattr(features, "shape") else [type(features)]


def _shown(columns: list[Any], others: list[Any]) -> str:
    return listed([str(one)[:80] for one in columns if one not in others] or columns[:5], most=5)


def distinct_names(data: Any) -> None:
    """Raises BadStage where two columns of a frame have one name; 1 and "1" are one."""
    for one in data if isinstance(data, tuple) else (data,):
        counted = Counter(map(str, getattr(one, "columns", ())))
        twice = [name for name, number in counted.items() if number > 1]
        if twice:
            raise BadStage(
                "several columns of the data have one name",
                names=listed(twice, most=5),
                columns=len(one.columns),
                remedy="rename them, or leave the second one out, in @dataset.reader or in "
                "@dataset.loader",
            )


def alike(several: Sequence[Any]) -> bool:
    """Whether data have the same types, so that joining them changes no value."""

    def types(data: Any) -> Any:
        found = getattr(data, "dtypes", None)
        return getattr(data, "dtype", None) if found is None else list(found)

    return all(types(one) == types(several[0]) for one in several[1:])


def joined(several: Sequence[Any]) -> Any:
    """The rows of several frames, arrays or lists of one kind, one after the other."""
    if len(several) == 1:
        return several[0]
    first = several[0]
    if hasattr(first, "iloc"):
        import pandas

        return pandas.concat(several, ignore_index=True)
    if isinstance(first, list):
        return [row for one in several for row in one]
    return np.concatenate(several)


def shuffled(length: int, random_state: int) -> Any:
    """The numbers of all rows, in an order that the state decides, as pandas' `sample` has it."""
    return np.random.RandomState(random_state).permutation(length)
