"""What the tests have workers do. Light to import: every worker does."""

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

from pystore import (
    PystoreWarning,
    build_cattrs,
    build_metric,
    build_outpath,
    build_paths,
    build_progress,
    build_scratch,
    build_seed,
    output,
    stage,
)


def square(n: int) -> int:
    return n * n


def pid() -> int:
    return os.getpid()


def environment(*names: str) -> list[str | None]:
    return [os.environ.get(name) for name in names]


def meet(fifo: str, other: str = "") -> int:
    """Tells that it runs, and its process; then waits for a word in the other fifo, if any."""
    Path(fifo).write_text(f"{os.getpid()}\n")
    if other:
        Path(other).read_text()
    return os.getpid()


def die(how: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), how)


def stick(fifo: str) -> None:
    """Tells its process, then runs C code that lets no other thread of Python run."""
    meet(fifo)
    re.match("(a+)+b", "a" * 60)


def with_child(fifo: str, fork: bool) -> None:
    """Starts a child that would live on, tells both processes, and waits for ever."""
    if fork:
        child = os.fork()
        if not child:
            while True:
                time.sleep(1000)
    else:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]).pid
    Path(fifo).write_text(f"{os.getpid()} {child}\n")
    while True:
        time.sleep(1000)


def leave_a_child(fifo: str) -> None:
    """Forks a child that holds what the worker holds, and dies of a signal."""
    if not os.fork():
        meet(fifo)
        while True:
            time.sleep(1000)
    Path(fifo).read_text()
    die()


class Odd(Exception):
    """An exception that cannot be read again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def odd() -> None:
    raise Odd("very", "odd")


class Unreadable:
    """A value that no process can read."""

    def __reduce__(self) -> tuple[object, ...]:
        return int, ("no number",)


def unreadable() -> Unreadable:
    return Unreadable()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


# --- stages ------------------------------------------------------------------------------


@stage
def number(n: int, out: Path = output("n.txt")) -> None:
    out.write_text(f"{n}\n")


@stage(ignore=["how"])
def says(n: int, how: object, said: Path = output("said")) -> None:
    said.write_text(repr(how))


@stage
def total(numbers: list, out: Path = output("n.txt")) -> None:
    out.write_text(f"{sum(int((one.path / 'n.txt').read_text()) for one in numbers)}\n")


@stage
def talks(how: str, out: Path = output("o.txt")) -> None:
    print("by print")
    os.write(1, b"by write\n")
    subprocess.run(["sh", "-c", "echo by a child >&2"], check=True)
    out.write_text("done")
    if how == "raise":
        raise ValueError("at last")
    if how == "die":
        die()
    if how == "exit":
        sys.exit(3)
    if how == "interrupt":
        raise KeyboardInterrupt


@stage
def fails_once(place: str, scratch: bool, how: str, build=None, out: Path = output("o")) -> None:
    """Fails at its first run, which a file outside of the store remembers."""
    folder = build_scratch(build) if scratch else None
    first = not Path(place).exists()
    append(Path(place), "run\n")
    if folder is not None:
        append(folder / "checkpoint", "step\n")
    if first and how == "die":
        die()
    if first:
        raise ValueError("not the first time")
    out.write_text((folder / "checkpoint").read_text() if folder else "")


@stage(timeout=0.3)
def overruns(fifo: str, out: Path = output("o")) -> None:
    print("on my way", flush=True)
    while True:
        time.sleep(1000)


@stage
def waits(who: str, fifo: str, other: str, build=None, out: Path = output("o")) -> None:
    build_progress(build, 1, 2)
    meet(fifo, other)
    out.write_text(who)


def by_hand(b) -> None:
    (build_outpath(b) / "n.txt").write_text(str(build_cattrs(b).n))


@stage
def commits_and_dies(out: Path = output("o")) -> None:
    """Dies after its last rename, before it can tell of it."""
    from pystore.run import attempt

    out.write_text("committed")
    attempt.Succeeded = lambda *facts: die()


@stage
def warns(out: Path = output("o")) -> None:
    warnings.warn("of ours", PystoreWarning, stacklevel=1)
    warnings.warn("of others", UserWarning, stacklevel=1)
    out.write_text("done")


def seeded(b) -> None:
    """A result that differs with its seed and its inputs, in few ways."""
    inputs = sorted(
        path.read_text() for ref in build_cattrs(b).inputs for path in build_paths(b, ref)
    )
    value = (build_seed(b) + sum(map(int, inputs))) % 3
    (build_outpath(b) / "n.txt").write_text(str(value))


@stage
def tells(steps: int, build=None) -> None:
    for step in range(steps):
        build_metric(build, "loss", 1 / (step + 1), step=step)
    build_metric(build, "diverged", float("inf"))
