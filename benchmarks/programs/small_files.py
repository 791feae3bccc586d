"""Writes many small files and makes them durable: `small_files.py FOLDER NUMBER syncfs|fsyncs`."""

import ctypes
import os
import shutil
import sys
import time

SIZE = 1000  # [bytes]


def write_files(folder: str, number: int) -> None:
    """Writes files of random bytes, a hundred folders of them."""
    for name in range(min(number, 100)):
        os.mkdir(f"{folder}/{name}")
    for name in range(number):
        file = os.open(f"{folder}/{name % 100}/{name}.bin", os.O_WRONLY | os.O_CREAT)
        os.write(file, os.urandom(SIZE))
        os.close(file)


def sync_each(folder: str) -> None:
    """An fsync of each file and folder."""
    for home, _, names in os.walk(folder):
        for path in (*(f"{home}/{name}" for name in names), home):
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)
            os.close(file)


def sync_all(folder: str) -> None:
    """One syncfs(2)."""
    file = os.open(folder, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).syncfs(file):
        raise OSError(ctypes.get_errno(), "syncfs failed")
    os.close(file)


if __name__ == "__main__":
    import telling

    os.mkdir(sys.argv[1])
    start = time.perf_counter()
    write_files(sys.argv[1], int(sys.argv[2]))
    {"syncfs": sync_all, "fsyncs": sync_each}[sys.argv[3]](sys.argv[1])
    seconds = time.perf_counter() - start
    shutil.rmtree(sys.argv[1])
    os.sync()
    telling.tell(seconds=seconds)
