"""Torch rows: rows as a Dataset of PyTorch, and the tensors of a batch.

TW1  A label that is no class, a missing one, and one that is no number are told with their row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.errors import BadStage, PystoreError
from ..core.printable import listed


class TorchRows:
    """Pairs (x, y) by their numbers, as a DataLoader takes them; y is ready for an objective."""

    def __init__(
        self,
        rows: Sequence[tuple[Any, Any]],
        preprocess: Callable[[Any], Any] | None = None,
        classes: Sequence[Any] | None = None,
    ) -> None:
        self.rows = rows
        self._preprocess = preprocess
        self._classes = classes
        self._places = None if classes is None else places_of(classes)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> tuple[Any, Any]:
        x, y = self.rows[row]
        return self.prepared(x, row), self.label(y, row)

    def prepared(self, x: Any, row: int) -> Any:
        """What `preprocess` makes of an x. Raises BadStage with the row."""
        if self._preprocess is None:
            return x
        try:
            found = self._preprocess(x)
        except PystoreError as error:
            raise error.having(row=row) from None
        except Exception as error:
            raise BadStage(
                f"row {row} cannot be prepared",
                because=f"{type(error).__name__}: {error}"[:300],
                x=repr(x)[:100],
                remedy="correct preprocess, or leave the row out of the snapshot",
            ) from error
        if found is None:
            raise BadStage(
                f"preprocess made nothing of row {row}",
                x=repr(x)[:100],
                remedy="return a tensor; leave rows that say nothing out of the snapshot",
            )
        return found

    def label(self, y: Any, row: int) -> Any:
        """The place of a label among the classes; without classes, the number itself (TW1)."""
        if self._places is not None:
            place = self._places.get(_key(y))
            if place is None:
                raise BadStage(
                    f"row {row} has a label that is no class",
                    label=repr(y)[:100],
                    classes=listed(self._classes or (), most=10),
                    remedy="name it in classes=, or leave such rows out of the snapshot",
                )
            return place
        if y is None or isinstance(y, str | bytes | dict):
            raise BadStage(
                f"row {row} has a label that is no number",
                label=repr(y)[:100],
                remedy="say which labels there are: TorchModel(…, classes=NAMES)",
            )
        return y


def places_of(classes: Sequence[Any]) -> Mapping[Any, int]:
    """The places of the classes. Raises BadStage when one is named twice."""
    found = {_key(name): at for at, name in enumerate(classes)}
    if len(found) < len(classes) or not classes:
        raise BadStage(
            "classes are names, each once", given=listed(classes), remedy='classes=["small", "big"]'
        )
    return found


def _key(label: Any) -> Any:
    """A label as a key: 1, True and 1.0 are three labels."""
    return (type(label), label) if isinstance(label, str | int | float | bool) else repr(label)


def batched(pairs: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """The tensors (x, y) of some rows: whole numbers have 64 bits, others 32."""
    return stacked([x for x, _ in pairs]), _labels([y for _, y in pairs])


def stacked(inputs: Sequence[Any]) -> Any:
    """What a network gets for some rows that are prepared. Raises BadStage."""
    from torch.utils.data import default_collate

    try:
        return default_collate(list(inputs))
    except (RuntimeError, TypeError, KeyError, ValueError) as error:
        shapes = dict.fromkeys(str(tuple(getattr(one, "shape", ()))) for one in inputs)
        raise BadStage(
            "what preprocess returns makes no batch",
            because=f"{type(error).__name__}: {error}"[:300],
            shapes=listed(shapes, most=5),
            remedy="return tensors of one shape from preprocess, or dicts or tuples of such",
        ) from error


def _labels(labels: Sequence[Any]) -> Any:
    import numpy as np
    import torch

    try:
        array = np.stack([np.asarray(one) for one in labels])
    except ValueError as error:
        raise BadStage(
            "labels of several shapes make no batch", because=str(error)[:200],
            remedy="give all rows labels of one shape",
        ) from None  # fmt: skip
    if array.dtype.kind in "iub":
        return torch.from_numpy(array.astype(np.int64))
    if array.dtype.kind == "f":
        return torch.from_numpy(array.astype(np.float32))
    raise BadStage(
        "these labels are no numbers",
        given=repr(labels[0])[:100],
        remedy="say which labels there are: TorchModel(…, classes=NAMES)",
    )


def to_device(value: Any, device: Any) -> Any:
    """A tensor, or a dict, tuple or list of tensors, on a device."""
    if isinstance(value, Mapping):
        return {key: to_device(one, device) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(to_device(one, device) for one in value)
    return value.to(device) if hasattr(value, "to") else value


def apart(output: Any, rows: int) -> list[Any]:
    """The output of each row, of what a network gave for some rows. Raises BadStage."""
    if isinstance(output, Mapping):
        parts = {key: apart(one, rows) for key, one in output.items()}
        return [{key: part[row] for key, part in parts.items()} for row in range(rows)]
    if isinstance(output, tuple | list):
        several = [apart(one, rows) for one in output]
        return [tuple(part[row] for part in several) for row in range(rows)]
    if hasattr(output, "unbind") and output.ndim and len(output) == rows:
        return list(output.detach().cpu().unbind(0))
    raise BadStage(
        "the network gives no output for each row",
        rows=rows,
        output=str(tuple(output.shape)) if hasattr(output, "shape") else type(output).__name__,
        remedy="return a tensor from forward whose first axis is that of the batch",
    )
