"""A server of the small model in a process of its own, and the clients that ask it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
from project import importing

from pystore import Store

_PROGRAM = """
import sys
from pathlib import Path
from small_model import SmallModel
from pystore import Store, match_best
from pystore.ui.web.serve import serve
root, options = Path(sys.argv[1]), eval(sys.argv[2])
store = Store(root, durable=False)
with store.use():
    serve(SmallModel(store=store), match_best("test"), port=0, every=0.05, **options)
print("returned")
"""
ROW = {"features": [[1.0, 0.0, 0.0]]}


class Server:
    """A process that serves by a program, of the small model or another; its output is gathered."""

    def __init__(self, store: Store, program: str = _PROGRAM, **options: Any) -> None:
        here = str(Path(__file__).parent)
        env = importing()
        env["PYTHONPATH"] = os.pathsep.join([env["PYTHONPATH"], here])
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(store.root), repr(options)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        self.line = self.process.stdout.readline()
        self.url = self.line.split()[1] if self.line else ""
        token = options.get("token")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.told: list[str] = []
        threading.Thread(target=self._gather, args=(self.process.stderr,), daemon=True).start()
        assert self.url, "it does not listen"

    def _gather(self, lines: Any) -> None:
        self.told.extend(lines)

    def wait_until_ready(self, rref: str | None = None) -> None:
        """Returns when something answers, or this one does."""
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            try:
                found = httpx.get(f"{self.url}/ready", headers=self._headers, timeout=60).json()
            except httpx.TransportError:
                found = {"ready": False}
            if found["ready"] and rref in (None, found["rref"]):
                return
            time.sleep(0.05)
        raise AssertionError("".join(self.told))

    def end(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serving(store: Store, **options: Any) -> Iterator[Server]:
    """A server, which is killed in the end if it has not ended itself."""
    server = Server(store, **options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
            try:
                server.process.wait(60)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()


class Clients:
    """Several that ask again and again, each over one connection, until they are told to end."""

    def __init__(self, url: str, count: int) -> None:
        self.answers: list[list[str]] = [[] for _ in range(count)]  # rrefs, of each client
        self.failures: list[str] = []
        self.lost = 0  # connections that ended without a reply
        self.ending = threading.Event()
        self._url = url
        self._threads = [threading.Thread(target=self._ask, args=(one,)) for one in self.answers]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self._threads:
            thread.join()

    @property
    def count(self) -> int:
        """How many answers there are."""
        return sum(map(len, self.answers))

    def wait_for(self, more: int) -> None:
        """Returns when so many more answers have come."""
        until, limit = self.count + more, time.monotonic() + 60
        while self.count < until and time.monotonic() < limit:
            time.sleep(0.01)

    def _ask(self, answers: list[str]) -> None:
        with httpx.Client(timeout=60) as client:
            while not self.ending.is_set():
                try:
                    reply = client.post(f"{self._url}/predict", json=ROW)
                except httpx.ConnectError:
                    return  # it has ended
                except httpx.TransportError:
                    self.lost += 1
                    continue
                if reply.status_code != 200:
                    self.failures.append(reply.text)
                else:
                    answers.append(reply.json()["rref"])
