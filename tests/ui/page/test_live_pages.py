"""Streams of changes."""

import asyncio
import threading

import pytest
from small_page import Page

from pystore.ui.page.changes import Changes


class World:
    """A version that tests change, and how often it was looked at."""

    def __init__(self) -> None:
        self.version, self.looks = "1", 0

    async def look(self) -> str:
        self.looks += 1
        return self.version


async def _gather(changes: Changes, seen: str, found: list[bytes]) -> None:
    async for event in changes.since(seen):
        found.append(event)


async def _until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


def test_YE1_an_event_says_only_that_something_has_changed():
    async def run() -> list[bytes]:
        world, ending, found = World(), asyncio.Event(), []
        task = asyncio.create_task(_gather(Changes(world.look, ending, 0.01), "1", found))
        await _until(lambda: world.looks > 3)
        assert found == [b"retry: 2000\n\n"]
        world.version = "2"
        await _until(lambda: len(found) == 2)
        ending.set()
        await task
        return found

    assert asyncio.run(run())[1] == b"event: changed\nid: 2\ndata:\n\n"


def test_YE1_what_changed_before_the_stream_began_is_told():
    async def run() -> list[bytes]:
        world, ending, found = World(), asyncio.Event(), []
        task = asyncio.create_task(_gather(Changes(world.look, ending, 0.01), "0", found))
        await _until(lambda: len(found) == 2)
        ending.set()
        await task
        return found

    assert b"id: 1" in asyncio.run(run())[1]


def test_YE2_many_streams_take_no_thread_and_look_as_often_as_one(monkeypatch: pytest.MonkeyPatch):
    own, start, started = threading.current_thread(), threading.Thread.start, []

    def noted(thread: threading.Thread) -> None:
        if threading.current_thread() is own:  # other threads may start some of their own
            started.append(thread.name)
        start(thread)

    async def run() -> None:
        world, ending = World(), asyncio.Event()
        changes = Changes(world.look, ending, 0.05)
        tasks = [asyncio.create_task(_gather(changes, "1", [])) for _ in range(200)]
        await _until(lambda: world.looks >= 5)
        assert world.looks < 20
        assert started == []
        ending.set()
        await asyncio.gather(*tasks)
        looks = world.looks
        await asyncio.sleep(0.15)
        assert world.looks == looks  # nobody waits, and nobody looks

    monkeypatch.setattr(threading.Thread, "start", noted)
    asyncio.run(run())


def test_YE3_a_stream_ends_when_its_browser_goes():
    async def run() -> None:
        world = World()
        changes = Changes(world.look, asyncio.Event(), 0.01)
        task = asyncio.create_task(_gather(changes, "1", []))
        await _until(lambda: world.looks > 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(run())


def test_YE1_a_page_names_the_version_that_it_shows(own_page: Page):
    head = own_page.client.head("/changed")
    assert (head.status_code, head.text) == (200, "")
    assert head.headers["content-type"].startswith("text/event-stream")
    assert 'data-changed="/changed?seen=' in own_page.text("/running")
    assert "data-changed" not in own_page.text("/collections")  # no database was named
