"""A pipeline of scikit-learn behind HTTP, beside other servers of it; and what a swap costs."""

import http.client
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measure import HERE, Cost, Row, Sizes, cpu, program, ratio, rounds, told, wall

from pystore import Store, pin

PROGRAMS = HERE / "programs"
OURS = "pystore"
# kind of server → the package that it needs
OTHERS = {
    "starlette": "starlette",
    "fastapi": "fastapi",
    "litserve": "litserve",
    "litserve, batching": "litserve",
}
BATCHES = {"litserve": 1, "litserve, batching": 32}  # questions
ONE, MANY, UNDER_SWAPS, SWAPS = 1, 32, 8, 4
DERIVATIONS, LOOKS, EVERY = 200, 10, 0.5  # [s]
TICK = os.sysconf("SC_CLK_TCK")


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures."""
    trained = program("serving_model", area / "store", area, SWAPS + 1).told["rrefs"]
    place = Place(area, trained)
    kinds = [OURS, *(kind for kind, package in OTHERS.items() if find_spec(package))]
    costs = rounds(sizes.runs, *(place.measured(kind, sizes.seconds) for kind in kinds))
    by_kind = dict(zip(kinds, costs, strict=True))
    yield from _beside(by_kind)
    yield from _swaps([place.swapped(10 / 3 * sizes.seconds) for _ in range(sizes.runs)])
    yield _follower(sizes, area)


class Server:
    """A server in a group of processes of its own."""

    def __init__(self, port: int, *command: object) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.port = port
        self._begun = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            env={**environment, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.first_reply = self._wait()  # [s] since the command
        self.cpu_of_start = self.cpu()

    def _wait(self) -> float:
        body = json.dumps({"features": [[0.0] * 784]}).encode()
        while self.process.poll() is None and time.perf_counter() < self._begun + 60:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                if connection.getresponse().status == 200:
                    return time.perf_counter() - self._begun
            except (OSError, http.client.HTTPException):
                pass  # it does not listen yet
            finally:
                connection.close()
            time.sleep(0.01)
        raise RuntimeError(f"no reply of {self.process.args!r}")

    def cpu(self) -> float:
        """The CPU time of all its processes so far [s]."""
        ticks = 0
        for file in Path("/proc").glob("[0-9]*/stat"):
            try:
                values = file.read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            if int(values[2]) == self.process.pid:  # their group
                ticks += sum(map(int, values[11:15]))
        return ticks / TICK

    def ask(self, clients: int, seconds: float) -> dict[str, Any]:
        """What so many clients tell after so many seconds."""
        before = self.cpu()
        found = program("ask_service", self.port, clients, seconds).told
        answers = [answer for client in found["told"] for answer in client]
        return {
            "failed": found["failed"],
            "clients": found["told"],
            "each": 1e3 * (self.cpu() - before) / len(answers),
            "p50": statistics.median(took for _, took, _ in answers),
            "rate": len(answers) / seconds,
        }

    def end(self) -> None:
        """Ends it, and children that have outlived it."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Place:
    """Where the trained pipelines are."""

    def __init__(self, area: Path, trained: list[str]) -> None:
        self.area, self.trained = area, trained
        self.store = Store(area / "store", durable=False)

    @contextmanager
    def running(self, kind: str) -> Iterator[Server]:
        """A server that has answered once."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        pin(self.trained[0], "serving", store=self.store)
        server = Server(port, *self._command(kind, port))
        try:
            yield server
        finally:
            server.end()

    def _command(self, kind: str, port: int) -> tuple[object, ...]:
        if kind == OURS:
            place = PROGRAMS / "serving_model.py"
            serve = ("--store", self.store.root, "serve", f"{place}:model", "--pin", "serving")
            return "-m", "pystore", *serve, "--port", port
        if kind in BATCHES:
            return PROGRAMS / "serve_litserve.py", port, self.area, BATCHES[kind]
        return PROGRAMS / "serve_floor.py", port, self.area, kind

    def measured(self, kind: str, seconds: float) -> Any:
        """A measurement of this kind: its start, one client, many clients."""

        def run() -> Cost:
            with self.running(kind) as server:
                one, many = server.ask(ONE, seconds), server.ask(MANY, seconds)
            found = {"each": one["each"], "p50": one["p50"], "rate": many["rate"]}
            failed = one["failed"] + many["failed"]
            return Cost(server.cpu_of_start, server.first_reply, {**found, "failed": failed})

        return run

    def swapped(self, seconds: float) -> dict[str, float]:
        """What clients see of a service whose pin is moved again and again."""
        pinned: list[float] = []
        with self.running(OURS) as server:
            thread = threading.Thread(target=self._move, args=(seconds / (SWAPS + 1), pinned))
            thread.start()
            found = server.ask(UNDER_SWAPS, seconds)
            thread.join()
        order = {rref: number for number, rref in enumerate(self.trained)}
        clients = [
            [(now, took, order[json.loads(reply)["rref"]]) for now, took, reply in client]
            for client in found["clients"]
        ]
        answers = [answer for client in clients for answer in client]
        swaps = [
            (begin, min((now for now, _, which in answers if which == number), default=begin))
            for number, begin in enumerate(pinned, 1)
        ]
        during = [
            any(low <= now <= max(low + 1, high) for low, high in swaps) for now, _, _ in answers
        ]
        took = [took for _, took, _ in answers]
        return {
            "failed": found["failed"],
            "answers": len(answers),
            "swaps": len({which for _, _, which in answers}) - 1,
            "back": sum(
                later[2] < earlier[2]
                for client in clients
                for earlier, later in itertools.pairwise(client)
            ),
            "swapping": _p99(list(itertools.compress(took, during))),
            "quiet": _p99([t for t, is_during in zip(took, during, strict=True) if not is_during]),
        }

    def _move(self, every: float, pinned: list[float]) -> None:
        for rref in self.trained[1:]:
            time.sleep(every)
            pinned.append(time.monotonic())
            pin(rref, "serving", store=self.store)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


# --- the rows --------------------------------------------------------------------------


def _beside(costs: dict[str, list[Cost]]) -> Iterator[Row]:
    ours, floor = costs[OURS], costs["starlette"]
    for package in sorted({*OTHERS.values()}):
        if not any(OTHERS.get(kind) == package for kind in costs):
            yield Row(f"a service beside {package}", "", "not here: make bench-peers installs it")
    yield from _start(costs)
    each = ratio(ours, floor, lambda cost: cost.told["each"])
    yield Row(
        "one client: CPU ms a request",
        f"{told(ours, 'each'):.2f} = {each:.2f} x Starlette",
        _others(costs, "each", ".2f"),
        "<= 1.5 x Starlette",
        each <= 1.5,
    )
    p50, anchor = told(ours, "p50"), costs.get("litserve")
    yield Row(
        "one client: p50 ms",
        f"{p50:.2f}",
        _others(costs, "p50", ".2f"),
        "first of LitServe" if anchor else "",
        p50 < told(anchor, "p50") if anchor else None,
    )
    yield from _many(costs)


def _start(costs: dict[str, list[Cost]]) -> Iterator[Row]:
    if "fastapi" not in costs:
        return
    ours, floor = costs[OURS], costs["fastapi"]
    allowed = 1.3 * wall(floor) + 0.5
    yield Row(
        "from command to first reply: wall s",
        f"{wall(ours):.2f} = {ratio(ours, floor, lambda cost: cost.wall):.2f} x FastAPI",
        ", ".join(f"{kind} {wall(cost):.2f}" for kind, cost in costs.items() if kind != OURS),
        "<= 1.3 x FastAPI + 0.5",
        wall(ours) <= allowed,
    )
    yield Row(
        "  the same: CPU s",
        f"{cpu(ours):.2f} = {ratio(ours, floor, lambda cost: cost.cpu):.2f} x FastAPI",
        ", ".join(f"{kind} {cpu(cost):.2f}" for kind, cost in costs.items() if kind != OURS),
    )


def _many(costs: dict[str, list[Cost]]) -> Iterator[Row]:
    ours, work = costs[OURS], f"{MANY} clients: requests a second"
    times = {
        kind: ratio(ours, costs[kind], lambda cost: cost.told["rate"])
        for kind in costs
        if kind != OURS
    }
    needed = {"fastapi": 1.5, "litserve": 1.2, "litserve, batching": 1.2}
    needed = {kind: least for kind, least in needed.items() if kind in costs}
    failed = sum(cost.told["failed"] for cost in ours)
    yield Row(
        work,
        f"{told(ours, 'rate'):,.0f}, {failed:.0f} failed",
        _others(costs, "rate", ",.0f"),
        ", ".join(f">= {least} x {kind}" for kind, least in needed.items()),
        all(times[kind] >= least for kind, least in needed.items()) and not failed
        if needed
        else None,
    )
    yield Row(
        "  the same: times of the other's", "", ", ".join(f"{k} {v:.2f}" for k, v in times.items())
    )


def _others(costs: dict[str, list[Cost]], name: str, form: str) -> str:
    return ", ".join(
        f"{kind} {told(cost, name):{form}}" for kind, cost in costs.items() if kind != OURS
    )


def _swaps(found: list[dict[str, float]]) -> Iterator[Row]:
    middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
    failed, back = (sum(one[name] for one in found) for name in ("failed", "back"))
    yield Row(
        f"swaps under {UNDER_SWAPS} clients: failed of {middle['answers']:,.0f} requests",
        f"{failed:.0f}, {back:.0f} went back, {middle['swaps']:.0f} swaps",
        "",
        f"0 of >= 5,000, none, {SWAPS}",
        failed + back == 0 and middle["answers"] >= 5000 and middle["swaps"] == SWAPS,
    )
    allowed = 2 * middle["quiet"] + 20
    yield Row(
        "  p99 ms in seconds with a swap",
        f"{middle['swapping']:.1f}",
        f"without {middle['quiet']:.1f}",
        "<= 2 x without + 20",
        middle["swapping"] <= allowed,
    )


def _follower(sizes: Sizes, area: Path) -> Row:
    (costs,) = rounds(
        sizes.runs,
        lambda: program("idle_follower", area / "idle", DERIVATIONS, LOOKS, EVERY),
    )
    each, opened = told(costs, "each"), told(costs, "opened")
    return Row(
        f"idle follower over {DERIVATIONS} derivations: CPU ms a look",
        f"{each:.2f}, {opened:.0f} files opened",
        "",
        "<= 2, none",
        each <= 2 and not opened,
    )
