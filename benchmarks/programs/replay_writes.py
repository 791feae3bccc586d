"""The same writes by a bare loop: `replay_writes.py FOLDER WRITES`."""

import ctypes
import json
import os
import sys
import time
from pathlib import Path

import telling

CONTENT = b"x" * 300


def make(path: str) -> None:
    """Makes a small file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, CONTENT)
    os.close(descriptor)


def sync(path: str) -> None:
    """Syncs a file or a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def sync_all(path: str) -> None:
    """Syncs the whole file system."""
    descriptor = os.open(path, os.O_RDONLY)
    ctypes.CDLL(None).syncfs(descriptor)
    os.close(descriptor)


writes = json.loads(Path(sys.argv[2]).read_text())
os.mkdir(sys.argv[1])
os.chdir(sys.argv[1])
does = {"mkdir": os.mkdir, "file": make, "fsync": sync, "syncfs": sync_all, "rename": os.rename}
start = time.perf_counter()
for kind, *paths in writes:
    does[kind](*paths)
telling.tell(loop=time.perf_counter() - start)
