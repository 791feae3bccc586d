"""All of it on this machine: a website, its pictures, workers that train, and a listener.

    make website
    make website WEBSITE="--port 8200 --folder ./website-demo"
    DATABASE_URL=postgresql://user@host/name make website

docs/collections.md explains the parts. Ctrl-C ends all of them.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.request import Request, urlopen

from pystore import PystoreError, Store
from pystore.stages import mnist

HERE = Path(__file__).resolve().parent
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PATIENCE = 180.0  # [s] for a part to do what it is for
USERS, WORKERS = 600, 2
stop = threading.Event()


class Ended(Exception):
    """A part that has ended by itself; or all, since they were told to."""


class Parts:
    """Processes, each in a group of its own, so that a Ctrl-C is for us alone."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, *command: str, tells: bool = False) -> str:
        """Starts one; returns the first line that it prints, if it tells something."""
        with (self._folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if tells else log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._running[name] = process
        told = process.stdout.readline().strip() if process.stdout else ""
        if tells and not told:
            process.wait()
            self.check()
        return told

    def run(self, name: str, *command: str) -> None:
        """Starts one, and returns when it has ended well."""
        self.start(name, *command)
        while self._running[name].poll() is None:
            self.check()
        code = self._running.pop(name).returncode
        if code:
            raise Ended(self._failure(name, code))

    def check(self, pause: float = 0.1) -> None:
        """Waits a little. Raises Ended when one has failed, or when all shall end."""
        for name, process in self._running.items():
            if process.poll():
                raise Ended(self._failure(name, process.returncode))
        if stop.wait(pause):
            raise Ended("stopped")

    def _failure(self, name: str, code: int) -> str:
        log = (self._folder / f"{name}.log").read_text()
        return f"{name} has ended with {code}:\n{log[-3000:]}"

    def end(self, *names: str) -> None:
        """Ends these, or all: by SIGTERM, and by SIGKILL those that do not listen."""
        ending = [self._running.pop(name) for name in names or [*self._running][::-1]]
        for number, wait in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
            until = time.monotonic() + wait
            for process in ending:
                _send(process, number)
            for process in ending:
                with _patiently():
                    process.wait(max(0.0, until - time.monotonic()))


def _send(process: subprocess.Popen[str], number: int) -> None:
    """Sends a signal to all of a group; there may be none left."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


@contextmanager
def _patiently() -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired:
        pass


class Visitor:
    """Who posts records to the website, as browsers of its users do."""

    def __init__(self, site: str, pictures: str, digits: Sequence[dict[str, Any]]) -> None:
        self._site, self._pictures, self._digits = site, pictures, digits

    def users(self) -> int:
        """How many users the website has."""
        return int(self._get("/count"))

    def post(self, *, says: bool, picture: str | None = None) -> int:
        """The number of a new user with this or a random picture, who may say what it shows."""
        number = random.randrange(len(self._digits))
        record = {"img": f"{self._pictures}/{picture or f'{number}.png'}"}
        if says and picture is None:
            record["likes"] = WORDS[self._digits[number]["class"]]
        headers = {"Content-Type": "application/json"}
        asked = Request(f"{self._site}/users", json.dumps(record).encode(), headers)
        with urlopen(asked, timeout=30) as reply:
            return int(json.load(reply)["id"])

    def labelled(self) -> set[int]:
        """The newest users who have a label on the page."""
        page = self._get("/users")
        return {int(one) for one in re.findall(r"id='user-(\d+)'.*class='label'", page)}

    def _get(self, path: str) -> str:
        with urlopen(f"{self._site}{path}", timeout=30) as reply:
            return str(reply.read().decode())


# --- the parts, one after the other ------------------------------------------------------


def website(parts: Parts, folder: Path, options: argparse.Namespace) -> Visitor:
    """The website with its first users, and the server of their pictures."""
    digits = mnist.rows(1000, options.data)
    (folder / "pictures").mkdir(exist_ok=True)
    for number, row in enumerate(digits):
        row["img"].save(folder / "pictures" / f"{number}.png")
    ports = (options.port, options.port + 1) if options.port else (0, 0)
    where = str(folder / "pictures")
    pictures = parts.start(
        "pictures", str(HERE / "pictures.py"), where, "--port", str(ports[1]), tells=True
    )
    site = parts.start("website", str(HERE / "website.py"), "--port", str(ports[0]), tells=True)
    visitor = Visitor(site, pictures, digits)
    print(f"the website is at {site}/ and gets its first users", flush=True)
    if visitor.users() == 0:
        visitor.post(says=False, picture="gone.png")  # nobody is held up by what is not there
    for _ in range(visitor.users(), options.users):
        visitor.post(says=random.random() < 0.8)
        parts.check(0.0)
    return visitor


def train(parts: Parts, folder: Path, environment: dict[str, str]) -> None:
    """Trains on workers of Dask, which end afterwards."""
    print(f"{WORKERS} workers of Dask train on what the users have said", flush=True)
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    named = ("--scheduler-file", str(file), "--no-dashboard")
    parts.start("scheduler", "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
                "--port", "0", *named)  # fmt: skip
    wait_for(parts, file.exists, "the scheduler of Dask")
    names = [f"worker-{number}" for number in range(WORKERS)]
    for name in names:
        parts.start(name, "-m", "distributed.cli.dask_worker", *named, "--no-nanny",
                    "--nthreads", "1", "--local-directory", str(folder / "dask"))  # fmt: skip
    environment["SCHEDULER"] = json.loads(file.read_text())["address"]
    parts.run("train", str(HERE / "train.py"))
    parts.end(*names, "scheduler")
    print((folder / "train.log").read_text().rstrip(), flush=True)


def check(parts: Parts, visitor: Visitor) -> None:
    """Posts 20 users, and returns when the page has a label for each."""
    new = {visitor.post(says=False) for _ in range(20)}
    wait_for(parts, lambda: new <= visitor.labelled(), "labels of 20 users")
    print("20 new users have labels", flush=True)


def wait_for(parts: Parts, is_so: Any, what: str) -> None:
    """Returns when something is so. Raises Ended when it does not become so."""
    until = time.monotonic() + PATIENCE
    while not is_so():
        parts.check()
        if time.monotonic() > until:
            raise Ended(f"there is nothing to be seen of {what}")


def everything(folder: Path, options: argparse.Namespace) -> None:
    """Starts all, and goes on until it is told to stop."""
    environment = {
        **os.environ,
        "DATABASE_URL": options.database or f"sqlite:///{folder / 'site.db'}",
        "PYSTORE_ROOT": str(folder / "store"),
        "OMP_NUM_THREADS": "1",  # threads of so small a network only wait for each other
    }
    parts = Parts(folder, environment)
    try:
        visitor = website(parts, folder, options)
        train(parts, folder, environment)
        parts.start("listener", "-m", "pystore", "listen", str(HERE / "train.py") + ":listener")
        if options.check:
            return check(parts, visitor)
        print("a new user comes every two seconds; Ctrl-C ends all", flush=True)
        while True:
            visitor.post(says=False)
            parts.check(2.0)
    finally:
        parts.end()


# --- the command -------------------------------------------------------------------------


def main() -> int:
    """Runs all of it; what goes wrong ends in a message."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _tell_to_stop)
    options = parse()
    folder = Path(tempfile.mkdtemp()) if options.check else options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Store(folder / "store").use():
            everything(folder, options)
    except (Ended, PystoreError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 130 if stop.is_set() else 1
    finally:
        if options.check:
            Store(folder / "store").destroy()
            shutil.rmtree(folder)
    return 0


def _tell_to_stop(number: int, frame: FrameType | None) -> None:
    stop.set()


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="A website with predictions beside its users.")
    parser.add_argument("--port", type=int, default=8100, help="8100; pictures have the next one")
    parser.add_argument(
        "--folder", type=Path, default=Path("website-demo"), help="for all it makes"
    )
    parser.add_argument("--users", type=int, default=USERS, help=f"the first ones; {USERS}")
    parser.add_argument("--digits", action="store_true", help="scikit-learn's in place of MNIST")
    parser.add_argument("--check", action="store_true", help="end when 20 new users have labels")
    options = parser.parse_args()
    named = os.environ.get("DATABASE_URL")  # SQLAlchemy would take another driver
    options.database = named and re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", named)
    options.data = mnist.digits() if options.digits else None
    options.port = 0 if options.check else options.port
    return options


if __name__ == "__main__":
    sys.exit(main())
