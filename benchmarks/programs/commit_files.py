"""Commits many small files: `commit_files.py STORE NUMBER durable|sloppy`. Removes them again."""

import os
import sys
import time

import telling
from small_files import write_files

from pystore import Context, Store, mkconfig

durable = sys.argv[3] == "durable"
store = Store(sys.argv[1], durable=durable)
staging = store.begin(mkconfig({"name": "files"}), Context())
write_files(str(staging.out), int(sys.argv[2]))
start = time.perf_counter()
store.commit(staging)
seconds = time.perf_counter() - start
store.destroy()
os.sync()  # the next program finds no work of this one
telling.tell(seconds=seconds)
