"""Telling apart: the same row in two parts of the data, where a score would flatter.

LK1  A row that stands in two parts under one label of a unique index is an error.
LK2  Rows that are equal to a row of another part are counted, and told.
"""

import warnings
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from ..core.errors import BadStage, PystoreWarning
from ..core.printable import listed
from .row_keys import Keys, row_keys
from .stored_rows import Rows


def warn_of_equal_rows(owner: str, parts: Mapping[str, Keys]) -> None:
    """Warns of rows of one part that are equal to rows of another one (LK2)."""
    for one, other in combinations(parts, 2):
        known, keys = set(parts[one]), parts[other]
        equal = sum(key in known for key in keys)
        if equal:
            warnings.warn(
                f"{equal:,} of {len(keys):,} rows ({equal / len(keys):.1%}) of the part {other} of "
                f"{owner} are equal to rows of {one}: its scores flatter; drop duplicates in the "
                "reader, or keep equal rows together in @dataset.splitter",
                PystoreWarning,
                stacklevel=2,
            )


def warn_of_trained_rows(owner: str, train: Rows, valid: Rows) -> None:
    """Warns of rows of a validation set that the training has, too (LK2).

    Rows are equal if their keys are equal, and what is stored for x.
    """
    known = {key: row for row, key in enumerate(train.keys())}
    pairs = ((row, known[key]) for row, key in enumerate(valid.keys()) if key in known)
    equal = sum(_inputs(valid, row) == _inputs(train, twin) for row, twin in pairs)
    if equal:
        warnings.warn(
            f"{equal:,} of {len(valid):,} rows ({equal / len(valid):.1%}) of the validation set "
            f"{owner} are rows of its training: its metrics flatter; take snapshots that share "
            'none, such as fold="train" and fold="valid"',
            PystoreWarning,
            stacklevel=2,
        )


def _inputs(rows: Rows, row: int) -> list[Any]:
    """What is stored for x of a row."""
    stored = rows.stored(row)[1]
    return [stored[name] for name in rows.x]


def refuse_shared_rows(owner: str, whole: Any, parts: Mapping[str, Any]) -> None:
    """Raises BadStage where two parts have rows of `whole` in common, by their labels (LK1).

    Where a label stands for other values in the other part, rows have got new labels.
    """
    labels = _labels(whole)
    if labels is None or not labels.is_unique:
        return
    for one, other in combinations(parts, 2):
        named, others = _by_label(parts[one]), _by_label(parts[other])
        shared = [label for label in others if label in named]
        if shared and all(named[label] == others[label] for label in shared):
            raise BadStage(
                f"the splitter of {owner} puts the same rows into {one} and {other}",
                rows=f"{len(shared):,} of the {len(others):,} rows of {other}",
                such_as=listed((str(label)[:40] for label in shared), most=3),
                remedy="return parts that share no row",
            )


def _labels(data: Any) -> Any | None:
    """The labels of the rows; None where rows have none."""
    several = data if isinstance(data, tuple) else (data,)
    return next((one.index for one in several if hasattr(one, "iloc")), None)


def _by_label(part: Any) -> dict[Any, bytes]:
    """The keys of rows by their labels; none where rows have no labels."""
    labels, keys = _labels(part), row_keys(part)
    return {} if labels is None or keys is None else dict(zip(labels, keys, strict=True))
