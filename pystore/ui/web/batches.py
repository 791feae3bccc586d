"""Batches: questions that are answered by one call of the predictor.

BA1  No question waits for a timer: while one batch is predicted, the next one gathers.
BA2  One bad question spoils no other's answer: it gets its problem, and the others are answered.
BA3  All answers of a batch are by the realization with which the batch began.
BA4  A question that has waited too long is answered with 503, and is not predicted any more.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from ...core.dataclasses import dataclass
from ...core.refs import RRef
from .lane import Lane
from .live import Live
from .problems import Problem, bad_features, failed
from .served import Loaded


@dataclass(frozen=True)
class Answered:
    """The predictions for one question, as values and as JSON."""

    rref: RRef
    predictions: list[Any]
    text: bytes
    digest: str = ""  # of the code that answered


@dataclass(eq=False)
class _Question:
    raw: Any
    answer: asyncio.Future[Answered | Problem]
    until: float  # [s] of the loop's clock


class Batches:
    """The questions that wait, and the batch that is predicted.

    `measure` gets the number of questions of each batch, `report` each error of the predictor.
    """

    def __init__(
        self,
        live: Callable[[], Live | None],
        measure: Callable[[int], None],
        report: Callable[[BaseException], None],
        *,
        most: int = 64,
        most_waiting: int = 512,
        patience: float = 30.0,
    ) -> None:
        self._live = live
        self._measure = measure
        self._report = report
        self._most = most
        self._most_waiting = most_waiting
        self._patience = patience
        self._waiting: deque[_Question] = deque()
        self._open: deque[_Question] = deque()  # the oldest first; those in the batch too
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False
        self._lane = Lane("pystore predict")

    @property
    def waiting(self) -> int:
        """How many questions wait."""
        return len(self._waiting)

    async def ask(self, raw: Any) -> Answered:
        """The answer. Raises Problem."""
        if len(self._waiting) >= self._most_waiting:
            n, remedy = len(self._waiting), "ask again in a moment"
            raise Problem(503, "too many questions wait", waiting=n, remedy=remedy)
        loop = asyncio.get_running_loop()
        question = _Question(raw, loop.create_future(), loop.time() + self._patience)
        self._waiting.append(question)
        self._watch(question)
        self._begin()
        answer = await question.answer
        if isinstance(answer, Problem):
            raise answer
        return answer

    def end(self) -> None:
        """Ends the thread that predicts."""
        self._lane.end()

    def _begin(self) -> None:
        if self._busy or not (batch := self._next()):
            return
        live = self._live()
        if live is None:
            return _settle(batch, [Problem(503, "the service is stopping")] * len(batch))
        self._busy = True
        self._measure(len(batch))
        live.begin_batch()
        raws = [question.raw for question in batch]
        job = self._lane.run(answers, live.loaded, raws, live.expected)
        job.add_done_callback(partial(self._end, batch, live))

    def _next(self) -> list[_Question]:
        batch: list[_Question] = []
        while self._waiting and len(batch) < self._most:
            question = self._waiting.popleft()
            if not question.answer.done():  # its client may have gone
                batch.append(question)
        return batch

    def _end(
        self, batch: list[_Question], live: Live, job: asyncio.Future[list[Answered | Problem]]
    ) -> None:
        self._busy = False
        live.end_batch()
        self._begin()
        if job.cancelled():  # the loop ends
            return
        error = job.exception()
        found = job.result() if error is None else [failed(error, live.rref)] * len(batch)
        _settle(batch, found)
        for answer in found:
            if isinstance(answer, Problem) and answer.error is not None:
                self._report(answer.error)

    # --- patience ----------------------------------------------------------------------

    def _watch(self, question: _Question) -> None:
        while self._open and self._open[0].answer.done():
            self._open.popleft()
        self._open.append(question)
        if self._timer is None:
            self._set_timer()

    def _set_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._open[0].until, self._give_up) if self._open else None

    def _give_up(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._open and (self._open[0].answer.done() or self._open[0].until <= now):
            late = self._open.popleft()
            told = f"{self._patience:g} s"
            problem = Problem(503, "no answer came in time", waited=told, remedy="ask again later")
            _settle([late], [problem])
        self._waiting = deque(q for q in self._waiting if not q.answer.done())
        self._set_timer()


def _settle(batch: Sequence[_Question], found: Sequence[Answered | Problem]) -> None:
    for question, answer in zip(batch, found, strict=True):
        if not question.answer.done():
            question.answer.set_result(answer)


# --- in the thread that predicts -------------------------------------------------------

_Made = Answered | Problem


def answers(loaded: Loaded, raws: Sequence[Any], expected: Any) -> list[_Made]:
    """The answer to each question, or its problem."""
    made = [_features(loaded, raw, expected) for raw in raws]
    asked = [one for one in made if not isinstance(one, _Settled)]
    predicted = iter(_predicted(loaded, asked))
    return [one.answer if isinstance(one, _Settled) else next(predicted) for one in made]


@dataclass(frozen=True)
class _Settled:
    """A question whose answer is known without the predictor."""

    answer: _Made


def _features(loaded: Loaded, raw: Any, expected: Any) -> Any:
    try:
        features = loaded.features(raw)
    except Exception as error:  # a feature loader of the user's, which may raise anything
        return _Settled(bad_features(error, expected))
    return _Settled(_answered(loaded, [None])) if features is None else features


def _predicted(loaded: Loaded, asked: Sequence[Any]) -> list[_Made]:
    if not asked:
        return []
    try:
        found = loaded.predict(asked)
        return [_answered(loaded, one) for one in islice(_counted(found, asked), len(asked))]
    except BaseException as error:  # a predictor may even call sys.exit
        if len(asked) > 1:
            return [made for one in asked for made in _predicted(loaded, [one])]
        return [failed(error, loaded.rref)]


def _counted(found: list[list[Any]], asked: Sequence[Any]) -> list[list[Any]]:
    if len(found) != len(asked):
        raise ValueError(f"{len(found)} answers to {len(asked)} questions")
    return found


def _answered(loaded: Loaded, predictions: list[Any]) -> Answered:
    """Raises ValueError when a prediction is NaN, which JSON has not."""
    text = json.dumps(predictions, allow_nan=False).encode()
    return Answered(loaded.rref, predictions, text, loaded.digest)
