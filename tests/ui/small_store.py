"""A small store that is the same each time: two rates, a failure, a death, odd names, pins."""

import json
import os
from itertools import count
from pathlib import Path

from pystore import (
    Build,
    Derivation,
    RRef,
    Store,
    build_cattrs,
    build_note,
    build_outpath,
    build_path,
    build_seed,
    match_latest,
    pin,
    realize,
    reject,
    selfref,
)
from pystore.errors import BuildError
from pystore.store import attempts

BORN = 1_700_000_000_000_000_000  # [ns], a Tuesday in November
SECOND = 10**9
ODD = (b"not-\xff-utf8", b"escape-\x1b[31m-red", b"two\nlines", "größe 大小".encode(), b"-n")


def _digits(b: Build) -> None:
    (build_outpath(b) / "digits.csv").write_text("0,1,2\n" * 40)


def _train(b: Build) -> None:
    c, out = build_cattrs(b), build_outpath(b)
    lines = len(build_path(b, c.data).read_text().splitlines())
    os.write(1, f"training on {lines} lines at rate {c.rate}\n".encode())  # as an extension does
    if c.rate > 1:
        raise ArithmeticError("the loss is not a number\nit was 0.1 before")
    build_note(b, "code", {"experiment.train": "12345678" * 2, "experiment.RATE": f"{c.rate:016}"})
    build_note(b, "why", "to be shown")
    score = 0.9 + c.rate / 20 + build_seed(b) % 100 / 10_000
    (out / "accuracy.txt").write_text(f"{score:.4f}\n")
    (out / "report.md").write_text(f"# Report\nrate {c.rate}\naccuracy {score:.4f}\n")
    (out / "weights" / "layers").mkdir(parents=True)
    (out / "weights" / "layers" / "0.bin").write_bytes(bytes(range(256)) * 10)
    (out / "weights" / "latest").symlink_to("layers/0.bin")
    (out / "weights" / "empty").mkdir()


def _odd(b: Build) -> None:
    for name in ODD:
        (build_outpath(b) / os.fsdecode(name)).write_bytes(b"\x1b[2J\xff\0" + name)
    (build_outpath(b) / "run.sh").write_text("#!/bin/sh\n")
    (build_outpath(b) / "run.sh").chmod(0o755)


digits = Derivation({"name": "digits"}, match_latest(), _digits)
odd = Derivation({"name": "odd"}, match_latest(), _odd)


def train(rate: float) -> Derivation:
    """A training at this rate."""
    config = {
        "name": "train", "rate": rate, "data": [digits, "digits.csv"],
        "accuracy": [selfref, "accuracy.txt"],
    }  # fmt: skip
    return Derivation(config, match_latest(), _train)


def make(root: Path) -> Store:
    """The store at `root`; its clock starts at BORN, and a tick is a second."""
    ticks = count(BORN, SECOND)
    store = Store(root, durable=False, clock=lambda: next(ticks))
    with store.use():
        low, _ = (realize(train(0.5), capture=True, force_rebuild=i > 0) for i in range(2))
        realize(train(1.0), capture=True)
        realize(odd)
        _fail(store)
        _die(store)
        pin(low, "baseline")
        reject(_second(store), "label leak")
    _settle(store)
    return store


def _fail(store: Store) -> None:
    try:
        realize(train(3.0), capture=True)
    except BuildError:
        return
    raise AssertionError("it should have failed")


def _die(store: Store) -> None:
    """An attempt that began, and whose process is no more."""
    made = store.attempts(train(1.0).dref)[-1]
    folder = store.parts.layout.attempts(made.dref)
    begin = attempts.read_begin(folder, made.context, 0)
    begin |= {"number": 1, "start": begin["start"] + 60 * SECOND, "staging": "gone"}
    Path(f"{folder}/{made.context}.1.begin").write_text(json.dumps(begin))
    Path(f"{folder}/{made.context}.1.log").write_text("training on 40 lines at rate 1.0\nepoch 1\n")


def _second(store: Store) -> RRef:
    rref = store.attempts(train(0.5).dref)[1].rref
    assert rref is not None
    return rref


def _settle(store: Store) -> None:
    """Directories as old as the attempts say."""
    for dref in store.drefs():
        for attempt in store.attempts(dref):
            if attempt.rref is not None:
                os.utime(store.home(attempt.rref), ns=(attempt.stop, attempt.stop))
