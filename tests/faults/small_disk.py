"""A small disk: a file system of one mebibyte, which a test fills up."""

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(mount: Path, *more: str) -> Iterator[Path]:
    """A file system in memory, with more options; the test is skipped where that is refused."""
    mount.mkdir()
    options = ",".join(["size=1m", *more])
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mount)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is refused")
    try:
        yield mount
    finally:
        # A session of a store may be open still.
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def fill_up(ballast: Path) -> None:
    """Writes this file, until not a byte is left."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"b" * size):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
