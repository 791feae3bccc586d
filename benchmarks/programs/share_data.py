"""Commits one file again and again: `share_data.py STORE REALIZATIONS BYTES`.

Beside each commit, a bare loop hashes two such files: no less can tell that they are equal. And a
file that nothing equals is committed and synced, beside one that is shared.
"""

import os
import statistics
import sys
import time
from pathlib import Path

import telling
from blake3 import blake3

from pystore import Context, Store, mkconfig

CHUNK = 1 << 20


def commit(store: Store, number: int, content: bytes) -> Path:
    """A realization of its own derivation; returns its file, and adds what it took to `times`."""
    staging = store.begin(mkconfig({"name": "large", "number": number}), Context())
    (staging.out / "data").write_bytes(content)
    start = time.perf_counter()
    rref = store.commit(staging).rref
    times.append(time.perf_counter() - start)
    return store.path(rref) / "data"


def bare(*files: Path) -> float:
    """How long it takes to hash these files [s]."""
    start, chunk = time.perf_counter(), memoryview(bytearray(CHUNK))
    for file in files:
        hasher = blake3()
        with file.open("rb", buffering=0) as stream:
            while got := stream.readinto(chunk):
                hasher.update(chunk[:got])
        hasher.hexdigest()
    return time.perf_counter() - start


def size(root: Path) -> int:
    """The bytes that a store takes on disk, each inode counted once."""
    statuses = {(s := path.lstat()).st_ino: s for path in root.rglob("*")}.values()
    return sum(status.st_blocks * 512 for status in statuses)


root, count, length = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
content, times = os.urandom(length), list[float]()
store = Store(root, durable=False)
first = commit(store, 0, content)
times.clear()
floors = [bare(first, commit(store, number, content)) for number in range(1, count)]
shared, taken = statistics.median(times), size(root)

synced = Store(root)
commit(synced, count, content)  # what was not synced before is now
times.clear()
for number in range(count + 1, count + 21, 2):
    commit(synced, number, content)
    commit(synced, number + 1, os.urandom(length))
telling.tell(
    bytes=taken, seconds=shared, bare=statistics.median(floors),
    linked=statistics.median(times[::2]), written=statistics.median(times[1::2]),
)  # fmt: skip
