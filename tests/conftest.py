"""Fixtures: fresh stores, a clock that ticks only when told, and an end for what waits for ever."""

import atexit
import faulthandler
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from memory_store import MemoryStore

from pystore import Store
from pystore.store.current import ProcessWide

# What the user who runs the tests has set is not to be seen in them.
os.environ["PYSTORE_SETTINGS"] = os.devnull
_CACHE = tempfile.TemporaryDirectory(prefix="pystore-cache-")
atexit.register(_CACHE.cleanup)
os.environ["XDG_CACHE_HOME"] = os.environ["XDG_DATA_HOME"] = _CACHE.name
# Python takes a module that a test has edited for the one that it has compiled, if both have one
# size and were written in one second.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
# In the background, or under nohup, these are ignored, by the programs that tests start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# How long an example takes depends on what else runs on the machine.
# With PYSTORE_TEST_SAME, each run has the same examples: a change is not to be refused for what a
# new example finds in what it has not touched.
settings.register_profile(
    "shared",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="PYSTORE_TEST_SAME" in os.environ,
)
settings.register_profile("quick", settings.get_profile("shared"), max_examples=25)
settings.load_profile("shared")
_END = 300.0  # [s] for what is left when all tests have ended
_shown: list[int] = []  # the descriptor of the console, which no test captures


def pytest_configure() -> None:
    _shown.append(os.dup(2))


def pytest_timeout_set_timer(settings: Any) -> bool:
    """Shows what all threads do, and ends this process, when a test takes too long.

    No signal does it: what is tested puts signals off. No thread of Python does it: it may find a
    lock taken.
    """
    faulthandler.dump_traceback_later(settings.timeout, exit=True, file=_shown[0])
    return True


def pytest_timeout_cancel_timer() -> bool:
    faulthandler.cancel_dump_traceback_later()
    return True


def pytest_sessionfinish() -> None:
    faulthandler.dump_traceback_later(_END, exit=True, file=_shown[0])


@pytest.fixture(autouse=True)
def _no_store_for_other_tests() -> Iterator[None]:
    yield  # with no monkeypatch: it would be made first, and undone last
    ProcessWide.store = None


class Clock:
    """A clock whose hands a test moves [ns]."""

    def __init__(self, now: int = 1_700_000_000_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A scratch store, which is the current one during the test."""
    store = Store(tmp_path / "store", durable=False)
    with store.use():
        yield store
    if store.root.exists():
        store.destroy()


@pytest.fixture(params=["Store", "MemoryStore", "Store above another"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock):
    """Each kind of store in turn."""
    if request.param == "MemoryStore":
        return MemoryStore(clock=clock)
    below = Store(tmp_path / "below", durable=False).root if "above" in request.param else None
    return Store(tmp_path / "store", durable=False, clock=clock, below=below)
