"""The fork server: imports pystore once, then forks a process for each point of a sweep.

Run with the shim preloaded: `LD_PRELOAD=fi.so python server.py '{"scenario": …}'`. Prints one
JSON report.
"""

import errno
import gc
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import audit
import filelock  # noqa: F401  (pystore imports it late: here, no call of an import is counted)
import mutants
import oracle
import shim
from extent import LONG
from scenarios import SCENARIOS, Scenario

from pystore import Store
from pystore.errors import InUse, PystoreError, StoreBusy
from pystore.store import disk, in_use, live_file, syncing, tree
from pystore.store.gc import collect

HANG = 20  # [s] after which a child counts as hung

ERRNOS = ("ENOSPC", "EIO", "EACCES", "EROFS", "EDQUOT", "EMFILE", "ENOLCK", "EXDEV")


@dataclass(frozen=True)
class Point:
    """One fault: what happens to which call."""

    mode: str
    at: int
    error: str = ""

    def __str__(self) -> str:
        return f"{self.mode} {self.at} {self.error}".strip()


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """A loopback server for the files of a folder, whose address is in the environment."""
    handler = partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    os.environ["PYSTORE_FAULTS_URL"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["NO_PROXY"] = "127.0.0.1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """A handler that writes no log."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@dataclass
class Sweep:
    """One scenario, faulted at many points."""

    scenario: Scenario
    area: Path
    mutant: str = ""
    report: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prepared = self.area / "prepared"
        self.work = self.area / "work"
        self.scenario.prepare(self.prepared)
        self.before = oracle.look(self.prepared)
        self.outcomes: Counter[str] = Counter()
        self.problems: list[str] = []
        self.points = 0
        self.trace = self.calls()

    # --- one point ---------------------------------------------------------------------

    def fresh(self) -> None:
        """A fresh copy of the prepared store."""
        tree.remove(self.work)
        if self.prepared.exists():
            shutil.copytree(self.prepared, self.work, symlinks=True)

    def child(self, point: Point, *, again: bool = False) -> dict[str, Any]:
        """What became of a forked process that acts with a fault; `again`: and then without."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _serve(self.scenario, self.work, point, self.mutant, again, writing)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            told = [json.loads(line) for line in pipe]
        _, status = os.waitpid(pid, 0)
        outcome: dict[str, Any] = {"acknowledged": [t["rref"] for t in told if "rref" in t]}
        for line in told:
            outcome.update(line)
        outcome["killed"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return outcome

    def calls(self) -> list[shim.Call]:
        """What the scenario does when nothing goes wrong."""
        self.fresh()
        outcome = self.child(Point("trace", 0))
        if outcome.get("error"):
            raise RuntimeError(f"{self.scenario.name} fails by itself: {outcome}")
        return shim.parse_trace(outcome["trace"])

    def check(self, acknowledged: list[str], *, mended: bool) -> list[str]:
        """What the oracle finds in the store."""
        after = oracle.look(self.work)
        stay = [r for r in self.before.manifests if r.split("-")[-1] not in self.scenario.removes]
        return (
            oracle.unsound(self.work)
            + oracle.lost(self.before, after, [*stay, *acknowledged])
            + oracle.torn(self.before, after, self.scenario.removes)
            + (self.collect() if mended else [])
        )

    def collect(self) -> list[str]:
        """What gc leaves behind that it should not."""
        store = Store(self.work)
        collect(store, [r for d in store.drefs() for r in store.realizations(d)], dry_run=False)
        return oracle.litter(self.work)

    # --- sweeps ------------------------------------------------------------------------

    def kill(self, point: Point) -> list[str]:
        """What goes wrong when the process dies at a point."""
        self.fresh()
        outcome = self.child(point)
        if outcome["killed"] != signal.SIGKILL:
            return [] if outcome.get("done") else [f"O3 the call fails by itself: {outcome}"]
        self.outcomes["killed"] += 1
        found = self.check(outcome["acknowledged"], mended=False)
        again = self.child(Point("off", 0))
        if not again.get("done"):
            found.append(f"O3 the next call fails: {again}")
        return found + self.check(outcome["acknowledged"] + again["acknowledged"], mended=True)

    def fail(self, point: Point) -> list[str]:
        """What goes wrong when a call fails at a point."""
        self.fresh()
        outcome = self.child(point, again=True)
        found = outcome.get("between", []) + self.check(outcome["acknowledged"], mended=True)
        if outcome["killed"]:
            return [*found, f"O3 hung or crashed: {outcome}"]
        if outcome["error"] and point.mode == "short":
            found.append(f"O3 a short write is an error: {outcome['error']}")
        self.outcomes["surfaced" if outcome["error"] else "succeeded"] += 1
        if outcome["error"] and not outcome["surfaced"]:
            found.append(f"O3 another error surfaces: {outcome['error']}")
        if not outcome["error"] and outcome["hit"] in ("fsync", "syncfs"):
            found.append("O3 a failed fsync is hidden")
        if not outcome.get("done"):
            found.append(f"O3 the next call fails: {outcome.get('second')}")
        if outcome.get("leaked"):
            found.append(f"O3 other descriptors are open: {outcome['leaked']}")
        return found

    def audit(self) -> list[str]:
        """What was not synced in time."""
        return audit.unsynced(self.trace, self.work)

    def run(self, points: list[Point], *, stop: bool) -> None:
        """Goes through points; with `stop`, only until something is found."""
        for point in points:
            self.points += 1
            fault = self.fail if point.error else self.kill
            found = fault(point)
            self.problems += [f"{self.scenario.name} [{point}]: {text}" for text in found]
            if found and stop:
                return


def _serve(
    scenario: Scenario, work: Path, point: Point, mutant: str, again: bool, pipe: int
) -> None:
    """The life of a child: acts under a fault, reports through a pipe, and is gone."""

    def tell(**facts: Any) -> None:
        os.write(pipe, json.dumps(facts).encode() + b"\n")

    warnings.simplefilter("ignore")
    signal.alarm(HANG)
    # Calls come in the same order each time, whatever else is written meanwhile.
    syncing._KINDS, disk._FOR_EACH = (), 1000
    try:
        if mutant:
            mutants.plant(mutant)
        opened = _descriptors()
        number = getattr(errno, point.error, 0)
        shim.arm(work, point.mode, point.at, number)
        error = _act(scenario, work, tell)
        counted = shim.disarm()
        tell(
            error=repr(error)[:1000] if error else "",
            surfaced=_surfaces(error, number),
            counted=counted,
            hit=shim.hit(),
        )
        if point.mode == "trace":
            tell(trace=shim.trace())
        failed, error = error is not None, None
        if again:
            gc.collect()
            tell(between=oracle.unsound(work))
            second = _act(scenario, work, tell)
            tell(second=repr(second)[:1000] if second else "", done=second is None)
            del second
            gc.collect()
            for session in in_use.sessions():
                session.end()
            tell(leaked=_others(opened, _descriptors()))
        else:
            tell(done=not failed)
    finally:
        os._exit(0)


def _descriptors() -> dict[str, str]:
    """What each descriptor of this process is open for, but for the one that reads this."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            pass
    return found


def _others(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What is open in addition, and what was closed that was open before.

    Its parent's live file is no child's business: ending its own use closes its copy of that.
    """
    gone = [f"closed: {path}" for number, path in before.items() if now.get(number) != path]
    more = [f"open: {path}" for number, path in now.items() if before.get(number) != path]
    return [*more, *(one for one in gone if f"/{live_file.PREFIX}" not in one)]


def _act(scenario: Scenario, work: Path, tell: Any) -> BaseException | None:
    try:
        scenario.act(work, lambda rref: tell(rref=rref))
    except Exception as error:
        error.__traceback__ = None
        return error
    return None


def _surfaces(error: BaseException | None, number: int) -> bool:
    """Whether an error says which errno was at its root."""
    seen = error
    while seen is not None:
        if getattr(seen, "errno", None) == number:
            return True
        # filelock takes an EACCES of flock(2) for a lock that somebody holds, as POSIX allows.
        if isinstance(seen, StoreBusy) and number == errno.EACCES:
            return True
        # Where there are no locks, nobody knows whether a process lives that uses it.
        if isinstance(seen, InUse) and number == errno.ENOLCK:
            return True
        seen = seen.__cause__ or (seen.__context__ if isinstance(seen, PystoreError) else None)
    return error is None


def kill_points(calls: list[shim.Call]) -> Iterator[Point]:
    """Before and in the middle of every call, and after the last one.

    After a call, the disk is as it is before the next one: the long test tries both.
    """
    for at, call in enumerate(calls, 1):
        yield Point("before", at)
        if call.writes:
            yield Point("half", at)
        if LONG or at == len(calls):
            yield Point("after", at)


def errno_points(calls: list[shim.Call]) -> Iterator[Point]:
    """Each errno at every call, once and for ever."""
    for at in range(1, len(calls) + 1):
        for error in ERRNOS:
            for mode in ("once", "ever"):
                yield Point(mode, at, error)
        if calls[at - 1].writes:
            yield Point("short", at, "EINTR")  # a part is written, and no error given


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Does what an order says: `scenario`, `sweep`, and perhaps `mutant`, `part`, `stop`."""
    start = time.monotonic()
    area = Path(tempfile.mkdtemp(prefix="pystore-faults-", dir=order["area"]))
    try:
        with serving(area):
            return _sweep(order, area, start)
    finally:
        tree.remove(area)


def _sweep(order: dict[str, Any], area: Path, start: float) -> dict[str, Any]:
    sweep = Sweep(SCENARIOS[order["scenario"]], area, order.get("mutant", ""))
    calls = sweep.trace
    if order["sweep"] == "audit":
        sweep.points, sweep.problems = len(calls), sweep.audit()
    elif order["sweep"] == "point":
        sweep.run([Point(*order["point"])], stop=False)
    else:
        make = {"kill": kill_points, "errno": errno_points}[order["sweep"]]
        part, parts = order.get("part", (0, 1))
        sweep.run(list(make(calls))[part::parts], stop=bool(order.get("stop")))
    return {
        "calls": len(calls),
        "points": sweep.points,
        "outcomes": dict(sweep.outcomes),
        "problems": sweep.problems,
        "seconds": round(time.monotonic() - start, 1),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(main(json.loads(sys.argv[1]))))
