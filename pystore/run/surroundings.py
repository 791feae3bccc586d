"""Surroundings: undoes what a realizer changes of the process that runs it."""

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from ..store.descriptors import Kept


@contextmanager
def forks_ended() -> Iterator[None]:
    """Ends each process that the block forks, at the latest when it leaves the block.

    Otherwise the child would record the attempt of its parent, under a lock that is not its own.
    """
    pid = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != pid:
            end_process(_exit_code(error))
        raise
    if os.getpid() != pid:
        end_process(0)


def _exit_code(error: BaseException) -> int:
    """The exit code of a program that ends with this exception."""
    if isinstance(error, SystemExit) and isinstance(error.code, int | None):
        return (error.code or 0) & 0xFF
    traceback.print_exception(error)
    return 1


def end_process(code: int) -> NoReturn:
    """Ends this process at once, after writing what it has printed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # a realizer may have closed it
            stream.flush()
    os._exit(code)


@contextmanager
def place_restored() -> Iterator[None]:
    """Restores the working directory and the umask, which a realizer may have changed.

    Otherwise the next realizer would write its relative files into the output of this one. In
    another thread nothing is restored: both belong to the process, and other threads use them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    umask = os.umask(0o077)
    os.umask(umask)
    here = _working_directory()
    try:
        yield
    finally:
        os.umask(umask)
        if here is not None:
            _change_to(*here)


def _working_directory() -> tuple[Kept, str] | None:
    try:
        return Kept(".", os.O_RDONLY | os.O_DIRECTORY), os.getcwd()
    except OSError:  # it was removed, or may not be read
        return None


def _change_to(folder: Kept, path: str) -> None:
    try:
        if folder.status is not None:
            os.fchdir(folder.number)
        else:  # the realizer has closed all descriptors
            os.chdir(path)
    finally:
        folder.close()
