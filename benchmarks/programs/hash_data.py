"""The floor of a commit: BLAKE3 over a file in chunks. `hash_data.py FILE [threads]`."""

import os
import sys
import time
from pathlib import Path

import telling
from blake3 import blake3

before = telling.peak()
start = time.perf_counter()
threads = len(os.sched_getaffinity(0)) if sys.argv[2:] else 1
hasher, chunk = blake3(max_threads=threads), memoryview(bytearray(1 << 20))
with Path(sys.argv[1]).open("rb", buffering=0) as stream:
    while got := stream.readinto(chunk):
        hasher.update(chunk[:got])
hasher.hexdigest()
telling.tell(seconds=time.perf_counter() - start, above=telling.peak() - before)
