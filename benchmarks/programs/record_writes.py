"""What a cold chain does to the disk, in order: `record_writes.py STORE STAGES OUTPUT`.

One syncfs for many derivations is replayed as one syncfs.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import telling
from chain import run

from pystore.store import syncing

ROOT = os.path.realpath(sys.argv[1])
INSIDE = ROOT + "/"
UNWANTED = (ROOT + "/locks/", ROOT + "/trash/")
writes: list[tuple[str, ...]] = []


def note(kind: str, *paths: str | bytes | int | os.PathLike[str]) -> None:
    """Adds one write, if it is one below the root that stays."""
    places = [os.fsdecode(path) for path in paths if not isinstance(path, int)]
    if all(p.startswith(INSIDE) and not p.startswith(UNWANTED) for p in places):
        writes.append((kind, *(os.path.relpath(place, ROOT) for place in places)))


def hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Notes what Python tells of itself (sys.addaudithook), before it happens."""
    if event == "os.rename":
        note("rename", *arguments[:2])
    elif event == "os.mkdir" and not os.path.isdir(arguments[0]):
        note("mkdir", arguments[0])
    elif event == "open" and arguments[2] & os.O_CREAT and not os.path.exists(arguments[0]):
        note("file", arguments[0])


def sync(descriptor: int) -> None:
    """Makes a sync, and notes it: it is no audit event."""
    note("fsync", os.readlink(f"/proc/self/fd/{descriptor}"))
    really_sync(descriptor)


def sync_all(call: Callable[[int], int], descriptor: int) -> None:
    """Makes a syncfs, and notes it."""
    note("syncfs", os.readlink(f"/proc/self/fd/{descriptor}"))
    really_sync_all(call, descriptor)


sys.addaudithook(hear)
really_sync, really_sync_all = os.fsync, syncing._called
os.fsync = sync
syncing._called = sync_all
run(ROOT, int(sys.argv[2]), durable=True)
recorded = list(writes)
Path(sys.argv[3]).write_text(json.dumps(recorded))
telling.tell(**Counter(kind for kind, *_ in recorded))
