"""A service on a machine that has trained nothing gets what it follows from a remote."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2 as httpx
import pytest

import pystore as ps
from pystore import Store, match_best
from pystore.errors import BadPlace, BadStage
from pystore.store.remote.signing import make_key
from pystore.ui.web.serve import asgi

POOR, GOOD = {"fit__C": 1e-9}, {"fit__C": 1.0}
ASKED = {"features": [[3.0, 3.0, 3.0]]}
BEST = match_best("test")


@pytest.fixture
def module(load: Callable[..., ModuleType]) -> ModuleType:
    """The user's program."""
    return load()


@pytest.fixture
def theirs(tmp_path: Path) -> Store:
    """The store of the machine that trains."""
    return Store(tmp_path / "theirs", durable=False)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """The folder of the remote."""
    return tmp_path / "lab"


@pytest.fixture
def trained(module: ModuleType, theirs: Store, lab: Path) -> Callable[..., str]:
    """Trains elsewhere, and pushes: the realization."""

    def train(hyperparameters: dict[str, float], pin: str | None = None, **how: Any) -> str:
        with theirs.use():
            run = module.model.train(hyperparameters, force=True, progress=False)
            rref: str = run.rref
            if pin is not None:
                ps.pin(rref, pin)
            ps.push([rref], lab, pins=[] if pin is None else [pin], **how)
        return rref

    return train


class Client:
    """Whoever asks the application."""

    def __init__(self, app: Any, told: list[str]) -> None:
        self.told = told
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")

    async def get(self, path: str) -> dict[str, Any]:
        """What a page says."""
        found: dict[str, Any] = (await self._http.get(path)).json()
        return found

    async def until(self, is_so: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """What /ready says as soon as it is so."""
        async with asyncio.timeout(60):
            while not is_so(told := await self.get("/ready")):
                await asyncio.sleep(0.02)
        return told

    async def answers(self) -> str:
        """The realization that answers."""
        reply = await self._http.post("/predict", json=ASKED)
        assert reply.status_code == 200
        rref: str = reply.json()["rref"]
        return rref


@asynccontextmanager
async def serving(module: ModuleType, lab: Path, matcher: Any = BEST, **how: Any) -> AsyncIterator:
    """A service in the current store."""
    told: list[str] = []
    how = {"every": 0.05, "source_every": 0.05, "tell": told.append, **how}
    app = asgi(module.model, matcher, source=lab, **how)
    app.service.start()
    try:
        yield Client(app, told)
    finally:
        await app.service.close()


def test_a_fresh_store_gets_the_best_and_then_a_better_one(module, store, trained, lab):
    async def run() -> None:
        first = trained(POOR)
        assert store.drefs() == []
        async with serving(module, lab) as client:
            told = await client.until(lambda told: told["rref"] == first)
            assert told["source"] == {"url": str(lab), "because": None}
            second = trained(GOOD)
            await client.until(lambda told: told["rref"] == second)
            assert await client.answers() == second

    asyncio.run(run())


def test_SO5_what_is_rejected_there_is_given_up(module, store, theirs, trained, lab):
    async def run() -> None:
        second, first = trained(POOR), trained(GOOD)
        async with serving(module, lab) as client:
            await client.until(lambda told: told["rref"] == first)
            ps.reject(first, "it has seen the test set", store=theirs)
            ps.push(ps.RRef(first).dref, lab, store=theirs)
            await client.until(lambda told: told["rref"] == second)
            assert await client.answers() == second

    asyncio.run(run())


def test_RS1_a_service_goes_on_when_the_remote_is_gone_and_says_so(module, store, trained, lab):
    async def run() -> None:
        first = trained(GOOD)
        async with serving(module, lab) as client:
            await client.until(lambda told: told["rref"] == first)
            shutil.move(lab, lab.with_name("away"))
            told = await client.until(lambda told: told["source"]["because"])
            assert told["ready"]
            assert "no remote is here" in told["source"]["because"]
            assert (await client.get("/model"))["source"] == told["source"]
            assert await client.answers() == first
            assert len([line for line in client.told if "nothing came from" in line]) == 1
            shutil.move(lab.with_name("away"), lab)
            await client.until(lambda told: told["source"]["because"] is None)

    asyncio.run(run())


def test_RS1_a_refresh_that_hangs_stops_no_answer(module, store, trained, lab, monkeypatch):
    async def run() -> None:
        first = trained(GOOD)
        async with serving(module, lab) as client:
            await client.until(lambda told: told["rref"] == first)
            hangs, go_on = threading.Event(), threading.Event()

            def hang(*_: Any) -> None:
                hangs.set()
                go_on.wait(60)

            monkeypatch.setattr("pystore.store.remote.source.RemoteSource.refresh", hang)
            try:
                assert await asyncio.to_thread(hangs.wait, 60)
                assert await client.answers() == first
            finally:
                go_on.set()

    asyncio.run(run())


def test_what_no_trusted_key_has_signed_is_not_used(module, store, trained, lab, tmp_path):
    async def run() -> None:
        public = make_key(tmp_path / "lab.key")
        trained(GOOD)
        async with serving(module, lab, trusted_keys=[public]) as client:
            told = await client.until(lambda told: told["source"]["because"])
            assert (told["ready"], told["rref"]) == (False, None)
            assert "no trusted key has signed 1 attempt" in told["source"]["because"]
            signed = trained(POOR, key=tmp_path / "lab.key")
            await client.until(lambda told: told["rref"] == signed)

    asyncio.run(run())


def test_a_pin_of_the_remote_is_followed(module, store, trained, lab):
    async def run() -> None:
        first = trained(GOOD, pin="serving")
        async with serving(module, lab, None, pin="serving") as client:
            await client.until(lambda told: told["rref"] == first)
            second = trained(POOR, pin="serving")
            told = await client.until(lambda told: told["rref"] == second)
            assert told["follows"] == f"pin serving at {lab}"

    asyncio.run(run())


def test_ML1_what_other_code_has_trained_is_not_fetched(load, module, store, trained, lab):
    async def run() -> None:
        trained(GOOD)
        other = load(("# fits", "\n    # fits"), ("estimator.fit(", "estimator.fit(1.0 * "))
        async with serving(other, lab) as client:
            told = await client.until(lambda told: told["source"]["because"])
            assert "nothing is there of classifier" in told["source"]["because"]
            assert [dref for dref in store.drefs() if dref.name == "classifier"] == []

    asyncio.run(run())


def test_a_mistake_is_told_at_once(module, store):
    with pytest.raises(BadPlace):
        asgi(module.model, source="nothing://there")
    with pytest.raises(BadStage, match="is no time"):
        asgi(module.model, source="/tmp", source_every=0)
