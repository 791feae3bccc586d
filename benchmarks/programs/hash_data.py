"""The floor of a commit: BLAKE3 over a file in chunks. `hash_data.py FILE`."""

import sys
import time
from pathlib import Path

import telling
from blake3 import blake3

before = telling.peak()
start = time.perf_counter()
hasher, chunk = blake3(), memoryview(bytearray(1 << 20))
with Path(sys.argv[1]).open("rb", buffering=0) as stream:
    while got := stream.readinto(chunk):
        hasher.update(chunk[:got])
hasher.hexdigest()
telling.tell(seconds=time.perf_counter() - start, above=telling.peak() - before)
