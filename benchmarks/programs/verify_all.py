"""Verifies a store, and reads all its files bare: `verify_all.py STORE`."""

import os
import sys
import time

import telling

from pystore import Store, verify


def read_all(folder: str) -> int:
    """Reads every file below a folder, and drops it; how many there are."""
    count = 0
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            count += read_all(entry.path)
        else:
            file = os.open(entry.path, os.O_RDONLY)
            while os.read(file, 1 << 16):
                pass
            os.close(file)
            count += 1
    return count


store = Store(sys.argv[1])
files = read_all(sys.argv[1])  # from now on they are in the page cache
start = time.perf_counter()
read_all(sys.argv[1])
between = time.perf_counter()
report = verify(store)
end = time.perf_counter()
assert report.sound, report
telling.tell(read=between - start, verify=end - between, checked=report.realizations, files=files)
