"""The fault tests: the shim they share, the server they start, and the table they end with."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import shim
from extent import LONG
from figures import FIGURES

from pystore.store import tree

SERVER = Path(__file__).with_name("server.py")

Order = dict[str, Any]


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marks of tests that need much time, or the whole machine."""
    config.addinivalue_line("markers", "long: runs with `make faults-long` only")
    config.addinivalue_line("markers", "alone: has processes for all cores, and no test beside it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips, visibly, what takes long."""
    for item in items:
        if "long" in item.keywords and not LONG:
            item.add_marker(pytest.mark.skip(reason="runs with `make faults-long`"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hands the figures of a process to the one that prints them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = FIGURES


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    """Takes the figures of a process that has ended."""
    FIGURES.extend(map(tuple, getattr(node, "workeroutput", {}).get("figures", [])))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures as one table."""
    if not FIGURES:
        return
    rows = [("test", "figure", "result"), *FIGURES]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    terminalreporter.section("figures")
    for test, wanted, result in rows:
        terminalreporter.write_line(f"{test:<{widths[0]}} | {wanted:<{widths[1]}} | {result}")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim."""
    if shim.compiler() is None:
        pytest.skip("no C compiler: the shim of the sweeps cannot be built")
    return shim.compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def area(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in memory where there is one: a sweep needs calls, not disks."""
    memory = Path("/dev/shm")
    place = tmp_path_factory.mktemp("faults")
    if os.access(memory, os.W_OK):
        place = memory / f"pystore-faults-{os.getpid()}"
        place.mkdir()
    yield place
    tree.remove(place)


@pytest.fixture(scope="session")
def serve(library: Path, area: Path) -> Callable[[list[Order]], list[Order]]:
    """Has orders done by fork servers, two at a time; returns their reports."""

    def one(order: Order) -> Order:
        command = [sys.executable, str(SERVER), json.dumps({"area": str(area), **order})]
        environment = {**os.environ, "LD_PRELOAD": str(library)}
        # Not in the checkout: each attempt would ask git for its revision and for its changes.
        done = subprocess.run(command, env=environment, cwd=area, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{order}: {done.stderr[-3000:]}")
        report: Order = json.loads(done.stdout)
        return report

    def serve(orders: list[Order]) -> list[Order]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(one, orders))

    return serve
