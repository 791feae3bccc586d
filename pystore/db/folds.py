"""Folds: parts of rows by their content, so that equal rows are never on both sides.

FL1  A fold is a range of the keys: it takes no column, and stays as it is when rows come.
"""

from __future__ import annotations

from ..core.dataclasses import dataclass
from .errors import BadField

FOLDS = {"train": (0.0, 0.8), "valid": (0.8, 0.9), "test": (0.9, 1.0)}

Fold = str | tuple[float, float]
"""A name, `train`, `valid` or `test`, or a range of shares such as (0.0, 0.5)."""


@dataclass(frozen=True)
class FoldRange:
    """The keys of one fold, as a range of shares."""

    start: float
    stop: float

    def holds(self, key: bytes) -> bool:
        """Whether a key is in the fold."""
        share = int.from_bytes(key[:6], "big") / 2**48
        return self.start <= share < self.stop


def fold_of(given: Fold) -> FoldRange:
    """The range of a fold. Raises BadField."""
    found: object = FOLDS.get(given) if isinstance(given, str) else given
    match found:
        case (int() | float() as start, int() | float() as stop) if 0.0 <= start < stop <= 1.0:
            return FoldRange(float(start), float(stop))
    raise BadField(
        "there is no such fold",
        given=repr(given)[:80],
        folds=", ".join(f"{name} {low:.0%} to {high:.0%}" for name, (low, high) in FOLDS.items()),
        remedy="fold='train', 'valid' or 'test'; or a range of shares: fold=(0.0, 0.5)",
    )
