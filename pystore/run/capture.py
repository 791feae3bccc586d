"""Capturing: what a realizer prints goes to the log of its attempt."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_one = threading.Lock()
_LAST = 8192  # [bytes] of a log that are looked at for its last lines


@contextmanager
def captured(log: Path) -> Iterator[None]:
    """Sends all that this process and its children print inside the block to the end of a file.

    It works on the descriptors, so that C extensions are heard too. A process has one such block
    at a time: in a second thread, nothing is sent anywhere.
    """
    if not _one.acquire(blocking=False):
        yield
        return
    try:
        with _sent_to(log):
            yield
    finally:
        _one.release()


@contextmanager
def _sent_to(log: Path) -> Iterator[None]:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    _flush()
    saved = [os.dup(1), os.dup(2)]
    try:
        os.dup2(file, 1)
        os.dup2(file, 2)
        yield
    finally:
        _flush()
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(file)


def last_lines(log: Path, count: int = 12) -> str:
    """The last lines of a log; empty when nothing was printed."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST))
            lines = file.read().decode("utf-8", "replace").rstrip().splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-count:])


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # a program may have closed or replaced it
            stream.flush()
