"""Following: what takes over, what is refused, and what is let go of."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from small_model import HANGING, SmallLoaded, SmallModel, train

from pystore import RRef, Store, follow, match_best, pin, reject
from pystore.core.errors import NotInStore
from pystore.ui.web.following import Event, Following


def run(
    store: Store, test: Callable[[Following, SmallModel], Coroutine[Any, Any, None]], **how: Any
) -> list[Event]:
    """Runs a test of a following; returns its events."""
    events: list[Event] = []

    async def whole() -> None:
        model = SmallModel(store=store)
        following = Following(
            model,
            lambda: model.follow(matcher=match_best("test")),
            every=0.01,
            load_within=how.get("load_within", 60.0),
            tell=events.append,
        )
        await asyncio.wait_for(test(following, model), 60)
        await following.close()

    asyncio.run(whole())
    return events


def rref_of(following: Following) -> RRef | None:
    return following.live.rref if following.live else None


async def settled(following: Following) -> None:
    """Returns when what was to be done in threads is done."""
    await following._looking.run(lambda: None)


def test_what_is_better_takes_over(store: Store):
    first = train(score=0.5)

    async def test(following: Following, model: SmallModel) -> None:
        await following.look()
        assert rref_of(following) == first
        better = train(scale=2.0, score=0.7)
        await following.look()
        assert rref_of(following) == better
        await following.look()
        assert len(model.loaded) == 2

    events = run(store, test)
    assert [e["event"] for e in events] == ["serving", "warning"] * 2


FAULTS = {"hangs": "within 0.2 s", "other": "predicts otherwise"}


@pytest.mark.parametrize("fault", FAULTS)
def test_FW1_one_that_hangs_or_predicts_otherwise_is_refused_and_the_old_one_stays(
    store: Store, fault: str
):
    good = train(score=0.5)

    async def test(following: Following, model: SmallModel) -> None:
        await following.look()
        bad = train(score=0.9, fault=fault)
        following._load_within = 0.2 if fault == "hangs" else 60.0
        await following.look()
        following._load_within = 60.0
        assert rref_of(following) == good
        assert FAULTS[fault] in following.refused[str(bad)]
        await following.look()
        assert rref_of(following) == good
        best = train(scale=3.0, score=0.95)
        await following.look()
        assert rref_of(following) == best

    events = run(store, test)
    assert [e["event"] for e in events].count("refused") == 1


def test_FW1_where_a_pin_names_one_that_is_refused_the_old_one_stays(store: Store):
    good = train(score=0.5)
    bad = train(score=0.9, fault="other")

    async def test(following: Following, model: SmallModel) -> None:
        following._follow = lambda: follow(pin="serving", store=store)
        for pinned, answers in ((good, good), (bad, good), (good, good), (bad, good)):
            pin(pinned, "serving")
            for _ in range(3):
                await following.look()
                assert rref_of(following) == answers
        assert "predicts otherwise" in following.refused[str(bad)]
        assert following.because and "refused here" in following.because

    events = run(store, test)
    assert [e["event"] for e in events] == ["serving", "warning", "refused"]


def test_FW1_one_that_was_cut_off_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch):
    good = train(score=0.5)
    bad = train(scale=2.0, score=0.9)
    file = store.path(bad) / "model.json"
    file.parent.chmod(0o755)
    cut = file.parent / "cut"
    cut.write_text(file.read_text()[:20])
    cut.replace(file)  # written into, it would be another's file too

    async def test(following: Following, model: SmallModel) -> None:
        await following.look()
        assert following.live is None
        assert "JSONDecodeError" in following.refused[str(bad)]
        await following.look()
        assert rref_of(following) == good

    run(store, test)


def test_FW1_one_that_came_too_late_is_closed(store: Store):
    train(score=0.5)

    async def test(following: Following, model: SmallModel) -> None:
        await following.look()
        train(score=0.9, fault="hangs")
        await following.look()
        HANGING.set()
        while len(model.loaded) < 2 or not model.loaded[1].closed:
            await asyncio.sleep(0.01)
        assert not model.loaded[0].closed

    run(store, test, load_within=0.1)


def test_FW1_one_that_is_not_there_for_a_moment_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    first = train(score=0.5)

    async def test(following: Following, model: SmallModel) -> None:
        def missing(rref: RRef) -> SmallLoaded:
            raise NotInStore("it is not there", remedy="look again")

        monkeypatch.setattr(model, "load", missing)
        await following.look()
        assert (following.live, following.refused) == (None, {})
        assert "it is not there" in str(following.because)
        monkeypatch.undo()
        await following.look()
        assert rref_of(following) == first

    run(store, test)


def test_FW2_a_look_that_fails_is_an_event_and_the_old_one_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    first = train(score=0.5)

    async def test(following: Following, model: SmallModel) -> None:
        await following.look()

        def fails() -> None:
            raise OSError("the disk is away")

        monkeypatch.setattr(model.followers[0], "look", fails)
        for _ in range(3):
            await following.look()
        assert rref_of(following) == first
        assert following.because == "OSError: the disk is away"
        monkeypatch.undo()
        await following.look()
        assert following.because is None

    events = run(store, test)
    assert [e["event"] for e in events] == ["serving", "warning", "trouble"]


def test_FW2_where_none_may_answer_none_does(store: Store):
    first = train(score=0.5)

    async def test(following: Following, model: SmallModel) -> None:
        await following.look()
        reject(first, "label leak")
        await following.look()
        assert following.live is None
        assert following.because
        second = train(scale=2.0)
        await following.look()
        assert rref_of(following) == second

    run(store, test)


def test_FW3_what_was_replaced_is_let_go_of_after_its_last_batch(store: Store):
    first = train(score=0.5)

    async def test(following: Following, model: SmallModel) -> None:
        await following.look()
        live = following.live
        assert live is not None
        live.begin_batch()
        second = train(scale=2.0, score=0.7)
        await following.look()
        await settled(following)
        assert store.held >= {first, second}
        assert not model.loaded[0].closed
        live.end_batch()
        await settled(following)
        assert model.loaded[0].closed
        store.release([first])  # the hold of the training
        assert first not in store.held
        assert second in store.held

    run(store, test)


def test_FW3_what_is_chosen_again_meanwhile_is_not_released(store: Store):
    first = train(score=0.5)

    async def test(following: Following, model: SmallModel) -> None:
        await following.look()
        live = following.live
        assert live is not None
        live.begin_batch()
        second = train(scale=2.0, score=0.7)
        await following.look()
        reject(second, "tried the way back")
        await following.look()
        assert rref_of(following) == first
        live.end_batch()
        await settled(following)
        store.release([first])
        assert first in store.held

    run(store, test)


def test_FW2_nobody_who_reads_the_events_can_stop_it(store: Store):
    first = train(score=0.5)

    async def whole() -> None:
        model = SmallModel(store=store)

        def tell(event: Event) -> None:
            raise BrokenPipeError

        how: dict[str, Any] = {"every": 0.001, "load_within": 60.0, "tell": tell}
        following = Following(model, model.follow, **how)
        task = asyncio.create_task(following.run())
        while rref_of(following) != first:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()
        await following.close()

    asyncio.run(whole())
