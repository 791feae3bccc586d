"""How often a one-file stage syncs, and how often all at once: `count_syncs.py STORE`."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import telling

from pystore import (
    Build,
    Context,
    Derivation,
    Store,
    build_outpath,
    build_wrapper,
    instantiate,
    match_latest,
    mkconfig,
    realize,
)
from pystore.store import syncing

T = TypeVar("T")
calls: list[int] = []
real_sync, real_sync_all = os.fsync, syncing._called


def build(b: Build) -> None:
    """Writes one file."""
    (build_outpath(b) / "file.txt").write_text("1\n")


def sync(descriptor: int) -> None:
    """Counts, and syncs."""
    calls.append(descriptor)
    real_sync(descriptor)


def sync_all(call: Callable[[int], int], descriptor: int) -> None:
    """Counts, and syncs the file system."""
    calls.append(-1)
    real_sync_all(call, descriptor)


def counted(function: Callable[[], T]) -> tuple[tuple[int, int], T]:
    """How often a call syncs, how often all at once, and what it returns."""
    calls.clear()
    result = function()
    return (len(calls), calls.count(-1)), result


def commit(store: Store) -> tuple[int, int]:
    """The syncs of a commit alone."""
    config = mkconfig({"name": "alone"})
    store.record([config])
    staging = store.begin(config, Context())
    Path(staging.out, "file.txt").write_text("1\n")
    return counted(lambda: store.commit(staging))[0]


store = Store(sys.argv[1])
os.fsync, syncing._called = sync, sync_all
stage = Derivation(mkconfig({"name": "one"}), match_latest(), build_wrapper(build))
instantiating, closure = counted(lambda: instantiate(stage, store=store))
realizing, _ = counted(lambda: realize(closure, store=store))
telling.tell(commit=commit(store), realize=realizing, instantiate=instantiating)
