"""Torch batches: the rows of each step of a training, the same ones in whichever process.

TH1  The bytes of a training follow from its rows, its options and its seed. Worker processes of
     the loader change none of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..core.errors import BadStage
from .torch_rows import TorchRows, batched

Number = tuple[int, int]  # epoch and row


def numbers(
    rows: int, size: int, per_epoch: int, steps: range, seed: int
) -> Iterator[list[Number]]:
    """The numbers of the rows of these steps, each with its epoch, which is shuffled anew."""
    for step in steps:
        epoch, at = divmod(step, per_epoch)
        if at == 0 or step == steps.start:
            order = np.random.RandomState([seed, epoch]).permutation(rows).tolist()
        yield [(epoch, row) for row in order[at * size : (at + 1) * size]]


class Shuffled:
    """Rows to learn from, by (epoch, row); what is augmented has random numbers of its own."""

    def __init__(self, data: TorchRows, augment: Callable[..., Any] | None, seed: int) -> None:
        self._data, self._augment, self._own = data, augment, seed

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, number: tuple[int, int]) -> tuple[Any, Any]:
        epoch, row = number
        x, y = self._data[row]
        if self._augment is None:
            return x, y
        seed_all(self._own, 2, epoch, row)  # whichever process this is (TH1)
        found = self._augment(x, y)
        if not isinstance(found, tuple) or len(found) != 2:
            raise BadStage(
                "augment returns no pair", returned=repr(found)[:100],
                remedy="write `return x, y` at its end",
            )  # fmt: skip
        return found


def loaded_batches(data: Any, chosen: Any, settings: Mapping[str, Any] | None) -> Any:
    """The tensors of the rows with these numbers, batch by batch, as a DataLoader loads them."""
    from torch.utils.data import DataLoader

    how = {k: v for k, v in (settings or {}).items() if k != "drop_last"}
    return DataLoader(data, batch_sampler=_Numbers(chosen), collate_fn=batched, **how)


class _Numbers:
    """Numbers of rows, in batches, as a DataLoader asks for them."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self._batches)


def seed_all(*parts: int) -> None:
    """Seeds random, NumPy and PyTorch."""
    import torch

    [seed] = np.random.SeedSequence(parts).generate_state(1)
    random.seed(int(seed))
    np.random.seed(int(seed))
    # torch.manual_seed would note a traceback for each GPU that is not in use yet: 4 ms.
    torch.default_generator.manual_seed(int(seed))
    cuda: Any = torch.cuda  # its functions have no types
    if cuda.is_initialized():
        cuda.manual_seed_all(int(seed))
