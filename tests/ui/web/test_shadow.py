"""Shadow: what it counts, and that it disturbs nobody."""

import asyncio
import threading
from typing import Any

import pytest
from small_model import SmallLoaded, SmallModel, train

from pystore import RRef, Store, match_latest
from pystore.app.evidence import wilson
from pystore.ui.web.batches import Answered
from pystore.ui.web.following import Following
from pystore.ui.web.shadow import Shadow, agree

ROW = [[1.0, 0.0, 0.0]]
OTHER = RRef(f"rref:{'0' * 32}-{'1' * 32}-weights")


def run(store: Store, test: Any) -> None:
    async def whole() -> None:
        model = SmallModel(store=store)
        follow = lambda: model.follow(matcher=match_latest())  # noqa: E731  # shorter than a def
        following = Following(model, follow, every=1, load_within=60, tell=lambda _: None)
        await following.look()
        shadow = Shadow(following)
        await asyncio.wait_for(test(shadow), 60)
        await shadow.close()

    asyncio.run(whole())


async def compared(shadow: Shadow) -> None:
    while shadow._busy:
        await asyncio.sleep(0.001)


def answer(*predictions: Any, rref: RRef = OTHER) -> Answered:
    return Answered(rref, [*predictions], b"")


def test_it_counts_how_often_it_agrees(store: Store):
    train(scale=1.0)

    async def test(shadow: Shadow) -> None:
        for prediction in (1.0, 1.0 + 1e-9, 2.0):
            shadow.offer(ROW, answer(prediction))
            await compared(shadow)
        told = shadow.to_dict()
        assert (told["agreed"], told["compared"]) == (2, 3)
        assert told["interval"] == list(wilson(2, 3))
        assert told["classes_of_shadow"]["1.0"]["share"] == 1.0
        assert told["classes"]["2.0"]["n"] == 1
        newer = RRef(OTHER.replace("0", "2"))
        shadow.offer(ROW, answer(1.0, rref=newer))
        await compared(shadow)
        assert shadow.to_dict()["compared"] == 1

    run(store, test)


def test_SH1_what_comes_while_it_is_busy_is_dropped(store: Store, monkeypatch: pytest.MonkeyPatch):
    train()
    gate = threading.Event()
    predict = SmallLoaded.predict

    def slow(self: SmallLoaded, questions: Any) -> list[list[Any]]:
        assert gate.wait(60)
        return predict(self, questions)

    async def test(shadow: Shadow) -> None:
        monkeypatch.setattr(SmallLoaded, "predict", slow)
        for _ in range(5):
            shadow.offer(ROW, answer(1.0))
        gate.set()
        await compared(shadow)
        assert (shadow.compared, shadow.dropped) == (1, 4)

    run(store, test)


def test_SH1_its_errors_are_counted(store: Store):
    train()

    async def test(shadow: Shadow) -> None:
        for raw in ([[666.0, 0.0, 0.0]], "no features"):
            shadow.offer(raw, answer(1.0))
            await compared(shadow)
        shadow.offer(ROW, answer(1.0, 2.0))
        await compared(shadow)
        assert (shadow.failed, shadow.compared) == (3, 0)

    run(store, test)


def test_without_a_realization_there_is_nothing_to_compare(store: Store):
    async def test(shadow: Shadow) -> None:
        shadow.offer(ROW, answer(1.0))
        assert (shadow.to_dict()["rref"], shadow.dropped) == (None, 0)
        assert shadow.to_dict()["interval"] == [0.0, 1.0]

    run(store, test)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("a", "a", True), ("a", "b", False), (1.0, 1.0 + 1e-9, True), (1.0, 1.1, False),
        ({"a": 0.6, "b": 0.4}, {"a": 0.9, "b": 0.1}, True),
        ({"a": 0.6, "b": 0.4}, {"a": 0.1, "b": 0.9}, False),
        ([1.0, 2.0], [1.0, 2.0 + 1e-9], True), ([1.0], [1.0, 2.0], False), (None, None, True),
    ],
)  # fmt: skip
def test_which_predictions_are_the_same(one: Any, other: Any, alike: bool):
    assert agree(one, other) is alike
