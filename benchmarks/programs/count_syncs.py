"""How often a one-file stage syncs: `count_syncs.py STORE`."""

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

T = TypeVar("T")
calls: list[int] = []
real_sync = os.fsync


def build(b: Build) -> None:
    """Writes one file."""
    (build_outpath(b) / "file.txt").write_text("1\n")


def sync(descriptor: int) -> None:
    """Counts, and syncs."""
    calls.append(descriptor)
    real_sync(descriptor)


def counted(function: Callable[[], T]) -> tuple[int, T]:
    """How often a call syncs, and what it returns."""
    calls.clear()
    result = function()
    return len(calls), result


def commit(store: Store) -> int:
    """The syncs of a commit alone."""
    config = mkconfig({"name": "alone"})
    store.record([config])
    staging = store.begin(config, Context())
    Path(staging.out, "file.txt").write_text("1\n")
    return counted(lambda: store.commit(staging))[0]


store = Store(sys.argv[1])
os.fsync = sync
stage = Derivation(mkconfig({"name": "one"}), match_latest(), build_wrapper(build))
instantiating, closure = counted(lambda: instantiate(stage, store=store))
realizing, _ = counted(lambda: realize(closure, store=store))
telling.tell(commit=commit(store), realize=realizing, instantiate=instantiating)
