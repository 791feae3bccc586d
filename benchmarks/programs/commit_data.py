"""Commits a file that is there already: `commit_data.py STORE FILE`. Gives it back afterwards."""

import os
import sys
import time

import telling

from pystore import Context, Store, mkconfig

file = sys.argv[2]
before = telling.peak()
store = Store(sys.argv[1], durable=False)
staging = store.begin(mkconfig({"name": "large"}), Context())
os.rename(file, staging.out / "data")
start = time.perf_counter()
committed = store.commit(staging)
seconds = time.perf_counter() - start
peak = telling.peak()

out = store.path(committed.rref)
out.chmod(0o755)  # as a file is moved out of a sealed directory
os.rename(out / "data", file)
store.destroy()
telling.tell(seconds=seconds, above=peak - before)
