"""Pulls many small files from a folder, or copies them: `pull_files.py AREA NUMBER`.

Tells how long push and pull take, and copying the same files with one syncfs(2) at the end.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import telling
from small_files import sync_all, write_files

from pystore import Build, Derivation, Store, build_outpath, match_latest, pull, push, realize

area, number = Path(sys.argv[1]), int(sys.argv[2])


def build(b: Build) -> None:
    """Writes many small files."""
    write_files(str(build_outpath(b)), number)


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes [s], after all that was written before is on the disk."""
    os.sync()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def copy() -> None:
    """The floor: a copy, and one sync."""
    shutil.copytree(theirs.path(rref), area / "copy")
    sync_all(str(area / "copy"))


theirs, ours = Store(area / "theirs", durable=False), Store(area / "ours")
rref = realize(Derivation({"name": "files"}, match_latest(), build), store=theirs)
pushed = seconds(lambda: push(rref, area / "remote", store=theirs))
floor = seconds(copy)
pulled = seconds(lambda: pull(rref, area / "remote", store=ours))
ours.destroy()
theirs.destroy()
shutil.rmtree(area)
os.sync()
telling.tell(push=pushed, pull=pulled, copy=floor)
