"""The page of a store: what its views cost at 10,000 and at 100,000 realizations."""

import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from measure import Row, Sizes, command, program

from pystore import Store

_EACH = 100  # attempts of a derivation
# view → the CPU time that it may take [s], at 100 derivations; at ten times as many, twice that
_MUST = {
    "index, cold": 0.15,
    "index, warm": 0.15,
    "family, cold": 1.0,
    "family, warm": 0.3,
    "realization": 0.03,
}
_HTML, _MEMORY, _PAINT = 300_000, 200.0, 2.0  # [bytes], [MB], [s]

_PAINTED = """() => new Promise((done) => new PerformanceObserver((list) => {
  const [first] = list.getEntriesByName("first-contentful-paint");
  if (first) done(performance.timeOrigin + first.startTime);
}).observe({ type: "paint", buffered: true }))"""


class Took(NamedTuple):
    """What a page took of the server; on a machine that does other things, more time passes."""

    cpu: float  # [s]
    wall: float  # [s]


class Served:
    """`pystore ui` of a store, in a process of its own."""

    def __init__(self, root: Path) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.begun = time.time()  # a browser tells its times so
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pystore", "ui", "--store", str(root)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        found = re.search(r"http://(\S+?):(\d+)/\?token=(\S+)", self._process.stdout.readline())
        assert found is not None
        self.address = found[0]
        self._connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=120)
        self._connection.request("GET", f"/?token={found[3]}")
        reply = self._connection.getresponse()
        reply.read()
        self._cookie = reply.headers["set-cookie"].partition(";")[0]

    def get(self, path: str) -> tuple[Took, bytes]:
        """What a page took, and the page."""
        begin, used = time.perf_counter(), self._cpu()
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        reply = self._connection.getresponse()
        body = reply.read()
        assert reply.status == 200, body
        return Took(self._cpu() - used, time.perf_counter() - begin), body

    def _cpu(self) -> float:
        """The CPU time of all its threads so far [s]. Those that read pages do not end."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    @property
    def memory(self) -> float:
        """The peak of its memory so far [MB]."""
        told = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return int(next(line for line in told if line.startswith("VmHWM")).split()[1]) / 1024

    def end(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait()


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures."""
    os.environ["XDG_CACHE_HOME"] = str(area / "cache")
    (area / "cache").mkdir()
    for factor in (1, 10):
        derivations = factor * sizes.equals
        root = area / f"store{factor}"
        program("make_history", root, derivations, min(_EACH, sizes.equals))
        command("--store", root, "log")  # the index is made once
        yield from _views(root, sizes, factor, derivations * min(_EACH, sizes.equals))
        if factor == 1:
            yield from _paint(root, sizes)


def _views(root: Path, sizes: Sizes, factor: int, realizations: int) -> Iterator[Row]:
    store = Store(root, durable=False)
    refs = [store.realizations(dref)[0] for dref in store.drefs()[: sizes.short_runs]]
    took: dict[str, list[Took]] = {name: [] for name in _MUST}
    memory, html = 0.0, b""
    for _ in range(sizes.runs):
        for name, path in (("index, cold", "/"), ("family, cold", "/stage/train")):
            served = Served(root)
            took[name].append(served.get(path)[0])
            served.end()
        served = Served(root)
        for _ in range(sizes.runs):
            took["index, warm"].append(served.get("/")[0])
            found, html = served.get("/stage/train")
            took["family, warm"].append(found)
        took["realization"] += [served.get(f"/rlz/{ref}")[0] for ref in refs]
        memory = max(memory, served.memory)
        served.end()
    for name, costs in took.items():
        used = statistics.median(cost.cpu for cost in costs) * 1e3
        passed = statistics.median(cost.wall for cost in costs) * 1e3
        must = _MUST[name] * 1e3 * (1 if factor == 1 else 2)
        told = f"page of {realizations:,} realizations, {name}: CPU ms"
        yield Row(told, f"{used:.0f}", f"{passed:.0f} passed", f"<= {must:.0f}", used <= must)
    if factor == 1:
        kilobytes, is_small = f"{len(html) / 1e3:.0f}", len(html) <= _HTML
        yield Row("  HTML of a family: kB", kilobytes, "", f"<= {_HTML / 1e3:.0f}", is_small)
    yield Row("  memory: MB", f"{memory:.0f}", "", f"<= {_MEMORY:.0f}", memory <= _MEMORY)


def _paint(root: Path, sizes: Sizes) -> Iterator[Row]:
    """From the start of the command until something is seen in Chromium, which runs already."""
    chromium = shutil.which("chromium")
    if chromium is None or find_spec("playwright") is None:
        return
    from playwright.sync_api import sync_playwright

    took = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(sizes.runs):
            page = browser.new_page()
            served = Served(root)
            page.goto(served.address)
            painted = page.evaluate(_PAINTED)
            took.append(painted / 1e3 - served.begun)
            served.end()
            page.close()
        browser.close()
    found = statistics.median(took)
    yield Row("  from the command to the first paint: s", f"{found:.2f}", "", f"<= {_PAINT:.0f}",
              found <= _PAINT)  # fmt: skip
