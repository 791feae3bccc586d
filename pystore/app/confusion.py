"""Confusion: which classes a classifier has taken for which.

CU1  Each row of the tested part counts once, and a class is named as the truth names it.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any

from ..core.dataclasses import dataclass
from .evidence import FILE, Evidence, agree, single, wilson

_MOST = 50  # classes
_LARGEST = 32 << 20  # [bytes] of the file of evidence that is read for a page


@dataclass(frozen=True)
class Confusion:
    """How often rows of each class were predicted as each class."""

    part: str
    classes: tuple[str, ...]
    counts: Mapping[tuple[str, str], int]  # by the true class and the predicted one

    def count(self, truth: str, prediction: str) -> int:
        """How many rows of a class were predicted so."""
        return self.counts.get((truth, prediction), 0)

    def total(self, truth: str) -> int:
        """The number of rows of a class."""
        return sum(self.count(truth, one) for one in self.classes)

    def recall(self, truth: str) -> tuple[float, float, float] | None:
        """The share of a class that was predicted right, with Wilson's interval; None of none."""
        total = self.total(truth)
        if not total:
            return None
        right = self.count(truth, truth)
        return right / total, *wilson(right, total)

    def to_dict(self) -> dict[str, Any]:
        """The confusion as a JSON object: `part`, `classes`, `matrix` (a row a true class)."""
        matrix = [[self.count(t, p) for p in self.classes] for t in self.classes]
        return {"part": self.part, "classes": list(self.classes), "matrix": matrix}


def evidence_in(folder: Path) -> Evidence | None:
    """The evidence of a realization; None where there is none, or what is there is no evidence.

    Anybody may have written a file of this name.
    """
    try:
        status = (folder / FILE).lstat()
        if not S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return None
        found = Evidence.read(folder)
        return found if found is not None and _is_fine(found) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_fine(kept: Evidence) -> bool:
    """Whether it says of each row what it must, and a confidence in a label is a number."""
    sure = (one.values() for one in kept.predictions if isinstance(one, dict))
    numbers = all(isinstance(x, int | float) for values in sure for x in values)
    return numbers and len(kept.truth) == len(kept.predictions)


def confusion_of(kept: Evidence) -> Confusion | None:
    """The confusion; None where the predictions are no classes, or of too many classes."""
    truths = {_class(truth): single(truth) for truth in kept.truth}
    if None in truths or len(truths) > _MOST:
        return None
    names = _Names(truths)
    pairs: Counter[tuple[str, str]] = Counter()
    for truth, prediction in zip(kept.truth, kept.predictions, strict=True):
        true_name, name = _class(truth), names.of(prediction)
        if true_name is None or name is None:
            return None
        pairs[true_name, name] += 1
    classes = {name for pair in pairs for name in pair}
    if not 2 <= len(classes) <= _MOST:
        return None
    return Confusion(kept.part, tuple(sorted(classes, key=_order)), dict(pairs))


class _Names:
    """The names of predicted classes: those of the truths that they agree with (CU1)."""

    def __init__(self, truths: Mapping[Any, Any]) -> None:
        self._truths = truths
        self._known: dict[tuple[type, Any], str | None] = {}

    def of(self, prediction: Any) -> str | None:
        """The name of a class; None of what is none."""
        one = single(prediction)
        name = _class(one)
        if name is None:
            return None
        key = type(one), one
        if key not in self._known:
            agreeing = (known for known, truth in self._truths.items() if agree(truth, one))
            self._known[key] = next(agreeing, name)
        return self._known[key]


def _class(value: Any) -> str | None:
    """The name of a class."""
    match single(value):
        case bool() | int() | str() as one:
            return str(one)
        case float() as one if one.is_integer():
            return str(int(one))
    return None


def _order(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name
