"""What the tests have a cluster do."""

import os
import signal
import time
from pathlib import Path

from pystore import build_outpath, build_seed, output, stage


@stage
def number(n: int, out: Path = output("n.txt")) -> None:
    out.write_text(f"{n}\n")


@stage
def total(numbers: list, out: Path = output("n.txt")) -> None:
    out.write_text(str(sum(int((one.path / "n.txt").read_text()) for one in numbers)))


@stage
def fails(out: Path = output("o")) -> None:
    print("last words")
    raise ValueError("because")


@stage
def kills_its_worker(out: Path = output("o")) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@stage
def hangs(out: Path = output("o")) -> None:
    print("on my way", flush=True)
    time.sleep(1000)


@stage(timeout=3.0)  # a busy machine needs more than a moment to print a line
def overruns(out: Path = output("o")) -> None:
    print("on my way", flush=True)
    time.sleep(1000)


def seed(b) -> None:
    (build_outpath(b) / "seed.txt").write_text(str(build_seed(b)))
