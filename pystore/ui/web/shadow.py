"""Shadow: another realization that answers the same questions, for comparison.

SH1  A shadow slows and fails no request: it takes what comes while it is free, drops the rest, and
     its errors are counted.
"""

import asyncio
from collections import Counter
from typing import Any

from ...app.evidence import wilson
from ...app.predictions import TOLERANCE, same
from .batches import Answered
from .following import Following
from .lane import Lane
from .live import Live
from .served import Loaded

_CLASSES = 50


class Shadow:
    """Counts how often the shadow gives the answer that was given.

    The counts begin anew when either of the two realizations is replaced.
    """

    def __init__(self, following: Following) -> None:
        self.following = following
        self.dropped = 0
        self._lane = Lane("pystore shadow")
        self._busy = False
        self._clear(None)

    def offer(self, raw: Any, answer: Answered) -> None:
        """Answers the question too, if nothing else is being answered."""
        live = self.following.live
        if live is None or self._busy:
            self.dropped += live is not None
            return
        if (pair := (answer.rref, live.rref)) != self._pair:
            self._clear(pair)
        self._busy = True
        live.begin_batch()
        job = self._lane.run(_answer, live.loaded, raw)
        job.add_done_callback(lambda job: self._compare(live, answer, job))

    def to_dict(self) -> dict[str, Any]:
        """The agreement, as JSON has it."""
        low, high = wilson(self.agreed, self.compared)
        live = self.following.live
        return {
            "rref": None if live is None else str(live.rref),
            "compared": self.compared,
            "agreed": self.agreed,
            "interval": [low, high],
            "interval_is": "Wilson's, 95 %",
            "failed": self.failed,
            "dropped": self.dropped,
            "classes": _shares(self._answers, self.compared),
            "classes_of_shadow": _shares(self._others, self.compared),
            "refused": self.following.refused,
        }

    async def close(self) -> None:
        """Lets go of its realization."""
        self._lane.end()
        await self.following.close()

    def _clear(self, pair: tuple[str, str] | None) -> None:
        self._pair = pair
        self.compared = self.agreed = self.failed = 0
        self._answers: Counter[str] = Counter()
        self._others: Counter[str] = Counter()

    def _compare(self, live: Live, answer: Answered, job: asyncio.Future[list[Any]]) -> None:
        self._busy = False
        live.end_batch()
        if (answer.rref, live.rref) != self._pair or job.cancelled():
            return
        others = [] if job.exception() else job.result()
        if len(others) != len(answer.predictions):
            self.failed += 1
            return
        for one, other in zip(answer.predictions, others, strict=True):
            self.compared += 1
            self.agreed += agree(one, other)
            _count(self._answers, one)
            _count(self._others, other)


def agree(one: Any, other: Any) -> bool:
    """Whether two answers are the same; of confidences by label, the largest decides."""
    if isinstance(one, dict) and isinstance(other, dict):
        return _label(one) == _label(other)
    return same(one, other, TOLERANCE)


def _answer(loaded: Loaded, raw: Any) -> list[Any]:
    features = loaded.features(raw)
    return [None] if features is None else loaded.predict([features])[0]


def _label(prediction: Any) -> str | None:
    """The class that a prediction names; None if it names none."""
    match prediction:
        case dict() if prediction and all(isinstance(p, (int, float)) for p in prediction.values()):
            return str(max(prediction, key=lambda name: prediction[name]))
        case str() | bool() | int():
            return str(prediction)[:50]
        case float() if prediction.is_integer():
            return str(prediction)
    return None


def _count(classes: Counter[str], prediction: Any) -> None:
    label = _label(prediction)
    if label is not None:
        known = label in classes or len(classes) < _CLASSES
        classes[label if known else "others"] += 1


def _shares(classes: Counter[str], n: int) -> dict[str, dict[str, Any]]:
    return {
        label: {"n": k, "share": k / n, "interval": list(wilson(k, n))}
        for label, k in classes.most_common()
    }
