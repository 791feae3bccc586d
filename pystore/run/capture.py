"""Captures the output of a realizer in the log of its attempt."""

import io
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.errors import BuildError, PystoreWarning
from ..store import rights
from ..store.descriptors import Copy, Kept, Opened

_one = threading.Lock()
_LAST = 8192  # [bytes] of a log that are looked at for its last lines


@contextmanager
def captured(log: Path) -> Iterator[None]:
    """Appends the output of this process and its children inside the block to the log.

    It redirects the descriptors, so that the output of C extensions is captured too. One thread
    of a process captures at a time; a second one captures nothing. Since no user would see a
    question, `input` raises BuildError.
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
    with _log(log) as file, Opened(os.devnull, os.O_RDONLY) as nothing:
        _flush()
        saved, stdin = [_copy(number) for number in range(3)], sys.stdin
        try:
            for number, put in enumerate((nothing, file, file)):
                os.dup2(put, number)
            sys.stdin = _Nobody(io.FileIO(0, closefd=False))
            yield
        finally:
            _flush()
            sys.stdin = stdin
            for number, copy in enumerate(saved):
                _put_back(copy, number)


def _log(path: Path) -> Kept:
    # O_NONBLOCK: a fifo in its place, which nobody reads, would block.
    file = rights.open_file(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    os.set_blocking(file.number, True)
    return file


def _copy(descriptor: int) -> Kept:
    try:
        return Copy(descriptor)
    except OSError:  # it was closed, as a daemon's are
        return Kept(os.devnull, os.O_RDWR)


def _put_back(copy: Kept, number: int) -> None:
    if copy.status is None:
        warnings.warn(
            "the realizer has closed what this process had open: what is printed from now on goes "
            "nowhere",
            PystoreWarning,
            stacklevel=2,
        )
        copy = Kept(os.devnull, os.O_RDWR)
    os.dup2(copy.number, number)
    copy.close()


class _Nobody(io.TextIOWrapper):
    """Standard input while output is captured: it is empty, and reading a line is an error."""

    def readline(self, size: int | None = -1) -> str:  # type: ignore[override]  # typeshed's
        """Raises BuildError."""
        raise BuildError(
            "a stage asks for input, and what it prints goes to its log",
            remedy="let it print: pystore run -v, without -j; in Python, without capture or "
            "workers. `with debug(stage()) as b:` stops where you like",
        )


def last_lines(log: Path, count: int = 12) -> str:
    """The last lines of a log; empty when the log is."""
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
