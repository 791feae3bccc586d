"""Batches: what waits, what goes together, and what one bad question does to others."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_model import EXAMPLES, SmallLoaded

from pystore.core.refs import RRef
from pystore.ui.web.batches import Answered, Batches
from pystore.ui.web.live import Live
from pystore.ui.web.problems import Problem

ONE = [[1.0, 0.0, 0.0]]


def rref(digit: int) -> RRef:
    return RRef(f"rref:{str(digit) * 32}-{'1' * 32}-weights")


class Gated(SmallLoaded):
    """Predicts when its gate is open, and remembers the batches."""

    def __init__(self, digit: int = 0) -> None:
        told = {"weights": [1.0, 10.0, 100.0], "examples": EXAMPLES, "fault": ""}
        super().__init__(rref(digit), told, 0.5)
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.batches: list[int] = []

    def predict(self, questions: Sequence[Any]) -> list[list[Any]]:
        self.batches.append(len(questions))
        self.begun.set()
        assert self.gate.wait(60)
        return super().predict(questions)


class Bench:
    """Batches with a live realization that a test may replace."""

    def __init__(self, loaded: Gated, **limits: Any) -> None:
        self.live = Live(loaded, loaded.expected(), [], {})
        self.reported: list[BaseException] = []
        self.batches = Batches(lambda: self.live, lambda _: None, self.reported.append, **limits)

    async def ask(self, raw: Any) -> Answered | Problem:
        try:
            return await self.batches.ask(raw)
        except Problem as problem:
            return problem


def run(test: Callable[[Bench], Coroutine[Any, Any, None]], loaded: Gated, **limits: Any) -> None:
    async def whole() -> None:
        bench = Bench(loaded, **limits)
        await asyncio.wait_for(test(bench), 60)
        bench.batches.end()

    asyncio.run(whole())


async def begun(loaded: Gated) -> None:
    assert await asyncio.to_thread(loaded.begun.wait, 60)


def test_BA1_while_one_batch_is_predicted_the_next_one_gathers():
    loaded = Gated()

    async def test(bench: Bench) -> None:
        first = asyncio.create_task(bench.ask(ONE))
        await begun(loaded)
        others = [asyncio.create_task(bench.ask(ONE)) for _ in range(10)]
        await asyncio.sleep(0)
        assert bench.batches.waiting == 10
        loaded.gate.set()
        for answer in [await first, *[await other for other in others]]:
            assert isinstance(answer, Answered)
            assert (answer.predictions, answer.text) == ([1.0], b"[1.0]")

    run(test, loaded)
    assert loaded.batches == [1, 10]


KINDS = {"good": ONE, "blank": "blank", "wrong": [["a"]], "failing": [[666.0, 0, 0]]}


@settings(deadline=None)  # it starts a thread each time
@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=8))
def test_BA2_each_question_of_a_batch_has_its_own_answer(kinds: list[str]):
    loaded = Gated()
    loaded.gate.set()

    async def test(bench: Bench) -> None:
        answers = await asyncio.gather(*[bench.ask(KINDS[kind]) for kind in kinds])
        for kind, answer in zip(kinds, answers, strict=True):
            if isinstance(answer, Answered):
                assert (kind, answer.text) in (("good", b"[1.0]"), ("blank", b"[null]"))
            else:
                assert (kind, answer.status) in (("wrong", 422), ("failing", 500))
        failing = [type(error) for error in bench.reported]
        assert failing == [ArithmeticError] * kinds.count("failing")

    run(test, loaded)


def test_BA2_a_prediction_that_json_has_not_is_a_problem():
    loaded = Gated()
    loaded.gate.set()
    loaded._weights = loaded._weights * float("nan")

    async def test(bench: Bench) -> None:
        answer = await bench.ask(ONE)
        assert isinstance(answer, Problem)
        assert answer.status == 500

    run(test, loaded)


def test_BA2_a_predictor_that_exits_ends_its_question_alone(monkeypatch: pytest.MonkeyPatch):
    loaded = Gated()
    loaded.gate.set()

    async def test(bench: Bench) -> None:
        monkeypatch.setattr(loaded, "predict", lambda _: exit(3))
        answer = await bench.ask(ONE)
        assert isinstance(answer, Problem)
        assert answer.status == 500
        monkeypatch.undo()
        assert isinstance(await bench.ask(ONE), Answered)

    run(test, loaded)


def test_BA3_a_batch_is_answered_by_the_realization_with_which_it_began():
    old, new = Gated(0), Gated(1)
    new.gate.set()

    async def test(bench: Bench) -> None:
        first = asyncio.create_task(bench.ask(ONE))
        await begun(old)
        before = bench.live
        bench.live = Live(new, {}, [], {})
        let_go: list[Live] = []
        before.retire(let_go.append)
        second = asyncio.create_task(bench.ask(ONE))
        await asyncio.sleep(0)
        assert let_go == []
        old.gate.set()
        found = [await first, await second]
        assert [one.rref for one in found if isinstance(one, Answered)] == [rref(0), rref(1)]
        assert let_go == [before]

    run(test, old)


def test_BA4_who_waits_too_long_gets_503_and_is_not_predicted():
    loaded = Gated()

    async def test(bench: Bench) -> None:
        first = asyncio.create_task(bench.ask(ONE))
        await begun(loaded)
        late = [await bench.ask(ONE), await first]
        assert [one.status for one in late if isinstance(one, Problem)] == [503, 503]
        assert bench.batches.waiting == 0
        loaded.gate.set()
        bench.batches._patience = 60.0
        assert isinstance(await bench.ask(ONE), Answered)

    run(test, loaded, patience=0.1)
    assert loaded.batches == [1, 1]


def test_BA4_a_client_that_has_gone_is_not_predicted():
    loaded = Gated()

    async def test(bench: Bench) -> None:
        first = asyncio.create_task(bench.ask(ONE))
        await begun(loaded)
        gone = asyncio.create_task(bench.ask(ONE))
        await asyncio.sleep(0)
        gone.cancel()
        loaded.gate.set()
        assert isinstance(await first, Answered)
        assert isinstance(await bench.ask(ONE), Answered)

    run(test, loaded)
    assert loaded.batches == [1, 1]


def test_BA4_too_many_that_wait_are_refused_at_once():
    loaded = Gated()

    async def test(bench: Bench) -> None:
        first = asyncio.create_task(bench.ask(ONE))
        await begun(loaded)
        second = asyncio.create_task(bench.ask(ONE))
        await asyncio.sleep(0)
        refused = await bench.ask(ONE)
        assert isinstance(refused, Problem)
        assert refused.status == 503
        loaded.gate.set()
        assert isinstance(await first, Answered)
        assert isinstance(await second, Answered)

    run(test, loaded, most_waiting=1)
