"""Evidence: how sure a score is. Attempts that all score the same say nothing about the rows.

EV1  A score that is a share of right predictions on n rows has Wilson's interval.
EV2  Two models that predicted the same rows are compared by McNemar's exact test.
EV3  A prediction is right when it names the true value: a label is the same as a number, as the
    text of it, and as the surest of confidences by label.

Sources: E. B. Wilson (1927), JASA 22, 209-212; Q. McNemar (1947), Psychometrika 12, 153-157.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

from ..core.dataclasses import dataclass
from ..core.errors import BadStage
from .predictions import SINGLE, plain, same

FILE = "evidence.json"
TEST = "test"
_TRUTH = {"True": True, "False": False}
_NUMBER = re.compile(r"[+-]?\d{1,400}(\.\d+)?([eE][+-]?\d{1,3})?", re.A)


@dataclass(frozen=True)
class McNemar:
    """Two models on the same rows: who alone was right how often, and how likely by chance."""

    only_a: int
    only_b: int
    rows: int
    p: float

    def __str__(self) -> str:
        return (
            f"of {self.rows:,} rows only a was right on {self.only_a:,}, only b on "
            f"{self.only_b:,}; McNemar's exact test: p = {self.p:.3g}"
        )


@dataclass(frozen=True)
class Evidence:
    """The true values and the predictions of the rows of a test part, in their order."""

    truth: tuple[Any, ...]
    predictions: tuple[Any, ...]
    rows: str  # digest of the features, so that only the same rows are compared
    part: str = TEST  # whose rows they are

    def write(self, folder: Path) -> None:
        """Writes it into the folder of a realization."""
        told: dict[str, Any] = {
            "truth": self.truth,
            "predictions": self.predictions,
            "rows": self.rows,
        }
        if self.part != TEST:  # else the bytes of all realizations so far would be others
            told["part"] = self.part
        (folder / FILE).write_text(json.dumps(told) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Evidence | None":
        """Reads it; None where none was kept."""
        if not (folder / FILE).exists():
            return None
        told = json.loads((folder / FILE).read_text())
        part = told.get("part", TEST)
        return cls(tuple(told["truth"]), tuple(told["predictions"]), told["rows"], part)

    @property
    def right(self) -> tuple[bool, ...]:
        """Whether each prediction is the true value."""
        pairs = zip(self.truth, self.predictions, strict=True)
        return tuple(agree(truth, prediction) for truth, prediction in pairs)


def wilson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of k in n; (0, 1) of none. Raises ValueError unless 0 <= k <= n."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, square = k / n, z * z / n
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    # At the ends, rounding would leave out the share itself.
    return 0.0 if k == 0 else middle - half, 1.0 if k == n else middle + half


def mcnemar(a: Evidence, b: Evidence) -> McNemar:
    """The exact test of two models. Raises BadStage when they predicted other rows."""
    if a.rows != b.rows or a.truth != b.truth:  # a parser may order or drop rows
        raise BadStage(
            "these two models were tested on other rows",
            rows_of_a=len(a.truth),
            rows_of_b=len(b.truth),
            remedy="train both with one dataset",
        )
    pairs = list(zip(a.right, b.right, strict=True))
    only_a, only_b = sum(x and not y for x, y in pairs), sum(y and not x for x, y in pairs)
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n
    return McNemar(only_a, only_b, len(pairs), min(1.0, 2 * tail))


def evidence_of(folder: Path) -> Evidence:
    """The predictions on the test part. Raises BadStage where none were kept."""
    kept = Evidence.read(folder)
    if kept is None:
        raise BadStage(
            "this realization keeps no predictions of its test part",
            path=folder,
            remedy="write a predictor with one value a row, and targets of one column",
        )
    return kept


def errors_of(folder: Path) -> list[dict[str, Any]]:
    """The test rows that were predicted wrong, the worst first: row, truth, prediction.

    The worst is the farthest from a truth that is no whole number; where the model tells how sure
    it is of each label, the one of which it was the surest; else rows keep their order. A
    prediction that is no number at all, NaN, is worse than each other.
    """
    return errors_among(evidence_of(folder))


def errors_among(kept: Evidence) -> list[dict[str, Any]]:
    """The same, of what is kept."""
    found = [
        {"row": row, "truth": truth, "prediction": prediction}
        for row, (truth, prediction, right) in enumerate(
            zip(kept.truth, kept.predictions, kept.right, strict=True)
        )
        if not right
    ]
    return sorted(found, key=lambda one: -_distance(one["truth"], one["prediction"]))


def _distance(truth: Any, prediction: Any) -> float:
    """How far a prediction is from the truth; for labels, how sure the model was of it."""
    if is_sure(prediction):
        far = float(max(prediction.values()))
    else:
        truth, prediction = single(truth), single(prediction)
        is_far = isinstance(truth, float) and isinstance(prediction, int | float)
        far = abs(truth - prediction) if is_far else 0.0
    return math.inf if math.isnan(far) else far


def intervals(folder: Path, metrics: Mapping[str, float]) -> dict[str, Any]:
    """The metrics; Wilson's interval where one of the predicted part is the share right."""
    return intervals_of(Evidence.read(folder), metrics)


def intervals_of(kept: Evidence | None, metrics: Mapping[str, float]) -> dict[str, Any]:
    """The same, of what is kept."""
    told: dict[str, Any] = {name: {"value": value} for name, value in metrics.items()}
    if kept is None or not kept.truth:
        return told
    right = kept.right
    for name in told:
        if name.partition("/")[0] == kept.part and _is_share(metrics[name], right):
            low, high = wilson(sum(right), len(right))
            told[name] |= {"low": low, "high": high, "interval": "Wilson, 95 %", "rows": len(right)}
    return told


def _is_share(value: float, right: Sequence[bool]) -> bool:
    return math.isclose(value, sum(right) / len(right), rel_tol=1e-6)


def agree(truth: Any, prediction: Any) -> bool:
    """Whether a prediction is the true value (EV3)."""
    truth, prediction = single(truth), single(prediction)
    if isinstance(truth, str) != isinstance(prediction, str):
        truth, prediction = _from_text(truth), _from_text(prediction)
    if _is_number(truth) and _is_number(prediction):
        if _is_whole(truth) and _is_whole(prediction):
            return bool(truth == prediction)  # labels, such as 1000 and 1001, are not close
        return same(truth, prediction, SINGLE)
    return bool(plain(truth) == prediction)


def single(value: Any) -> Any:
    """The one value of a list; of confidences by label, the surest label."""
    if isinstance(value, list) and len(value) == 1:
        return single(value[0])
    return max(value, key=lambda label: value[label]) if is_sure(value) else value


def is_sure(value: Any) -> bool:
    """Whether it is confidences by label."""
    numbers = isinstance(value, dict) and all(map(_is_number, value.values()))
    return numbers and bool(value) and not any(isinstance(x, bool) for x in value.values())


def _from_text(value: Any) -> Any:
    """The number or the truth value that a text is; any other value as it is."""
    if not isinstance(value, str):
        return value
    if value in _TRUTH:
        return _TRUTH[value]
    if not _NUMBER.fullmatch(value):
        return value
    return int(value) if value.lstrip("+-").isdecimal() else float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) or number.is_integer()
