"""Builders: many processes or threads that want the same things at once.

Each run of a realizer leaves a file beside the store, so that builds can be counted without
trusting the store.
"""

import os
import random
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import mutants
import oracle

import pystore as ps
from pystore import Derivation, match_latest
from pystore.store import disk

PATIENCE = 120.0  # [s] for a lock: longer than any test


def derivations(count: int, log: Path) -> list[Derivation]:
    """Independent derivations, whose outputs differ each time."""

    def build(b: ps.Build) -> None:
        note(log, b.config["i"])
        (b.outpath / "seed.txt").write_text(f"{b.seed}\n")
        (b.outpath / "tale.txt").write_text(disk.fresh_name() * 10)

    return [Derivation({"name": "one", "i": i}, match_latest(), build) for i in range(count)]


def note(log: Path, what: object) -> None:
    """Leaves word of one run of a realizer."""
    (log / f"{what}.{disk.fresh_name()}").touch()


def build_all(root: Path, log: Path, count: int, seed: int) -> None:
    """Realizes every derivation, in an order of its own."""
    wanted = derivations(count, log)
    random.Random(seed).shuffle(wanted)
    store = ps.Store(root, durable=False)
    for derivation in wanted:
        rref = ps.realize(derivation, store=store, lock_timeout=PATIENCE)
        text = (store.path(rref) / "tale.txt").read_text()
        if len(text) != 320:
            raise AssertionError(f"{rref} was served torn")


def in_processes(number: int, work: Callable[[int], None], mutant: str = "") -> list[int]:
    """The exit codes of forked processes that all start to work at once."""
    reading, writing = os.pipe()

    def ready(index: int) -> None:
        os.close(writing)
        os.read(reading, 1)
        work(index)

    children = [fork(partial(ready, index), mutant) for index in range(number)]
    os.close(reading)
    os.close(writing)  # the starting shot: everybody reads the end of the pipe
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def fork(work: Callable[[], object], mutant: str = "") -> int:
    """The pid of a forked process that does the work, and is gone: with 0 if all went well."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        if mutant:
            mutants.plant(mutant)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def in_threads(number: int, work: Callable[[int], None]) -> list[BaseException]:
    """What went wrong in threads that all start to work at once."""
    start, errors = threading.Barrier(number), []

    def run(index: int) -> None:
        try:
            start.wait()
            work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def builds(log: Path) -> Counter[str]:
    """How often each derivation was built."""
    return Counter(name.partition(".")[0] for name in os.listdir(log))


def problems(root: Path, log: Path) -> list[str]:
    """What is wrong with a store after a race: anything unsound, or a build without a record."""
    store = ps.Store(root, durable=False)
    recorded = sum(a.succeeded for dref in store.drefs() for a in store.attempts(dref))
    made = sum(builds(log).values())
    lost = [f"{made} builds, and {recorded} recorded"] if made != recorded else []
    return oracle.unsound(root) + lost
