"""Evidence: how sure a score is. Attempts that all score the same say nothing about the rows.

EV1  A score that is a share of right predictions on n rows has Wilson's interval.
EV2  Two models that predicted the same rows are compared by McNemar's exact test.

Sources: E. B. Wilson (1927), JASA 22, 209-212; Q. McNemar (1947), Psychometrika 12, 153-157.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

from ..core.dataclasses import dataclass
from ..core.errors import BadStage
from .predictions import SINGLE, plain, same

FILE = "evidence.json"
TEST = "test"


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
        return tuple(_agree(truth, prediction) for truth, prediction in pairs)


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
    it is of each label, the one of which it was the surest; else rows keep their order.
    """
    kept = evidence_of(folder)
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
    if isinstance(prediction, dict) and prediction:
        return float(max(prediction.values()))
    if isinstance(truth, float) and isinstance(prediction, int | float):
        return abs(truth - prediction)
    return 0.0


def intervals(folder: Path, metrics: Mapping[str, float]) -> dict[str, Any]:
    """The metrics; Wilson's interval where one of the predicted part is the share right."""
    told: dict[str, Any] = {name: {"value": value} for name, value in metrics.items()}
    kept = Evidence.read(folder)
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


def _agree(truth: Any, prediction: Any) -> bool:
    """Whether a prediction is the true value; of confidences by label, the largest decides."""
    if isinstance(prediction, dict) and prediction:
        prediction = max(prediction, key=lambda label: prediction[label])
        return str(truth) == str(prediction)
    if isinstance(truth, list) and len(truth) == 1:
        truth = truth[0]
    number = (int, float)
    if isinstance(truth, number) and isinstance(prediction, number):
        a, b = float(truth), float(prediction)
        if a.is_integer() and b.is_integer():
            return a == b  # labels, such as 1000 and 1001, which a tolerance would take for one
        return same(a, b, SINGLE)
    return bool(plain(truth) == prediction)
