"""Forking: what a realizer forks never comes back into pystore."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def alone() -> Iterator[None]:
    """Ends each process that the block forks, at the latest when it leaves the block.

    Otherwise the child would record the attempt of its parent, under a lock that is not its own.
    """
    pid = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != pid:
            _end(_code(error))
        raise
    if os.getpid() != pid:
        _end(0)


def _code(error: BaseException) -> int:
    """The exit code with which a program ends that raises this."""
    if isinstance(error, SystemExit) and isinstance(error.code, int | None):
        return (error.code or 0) & 0xFF
    traceback.print_exception(error)
    return 1


def _end(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # it was closed or replaced
            stream.flush()
    os._exit(code)
