"""Placing: where a process works, and with which modes it makes files."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..store.descriptors import Kept


@contextmanager
def in_its_place() -> Iterator[None]:
    """Puts the working directory and the umask back, which a realizer may have changed.

    Else the next one would write its relative files into what this one has made. In a thread of a
    pool nothing is put back: both belong to the process, and others run in it.
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
            _go(*here)


def _working_directory() -> tuple[Kept, str] | None:
    try:
        return Kept(".", os.O_RDONLY | os.O_DIRECTORY), os.getcwd()
    except OSError:  # it was removed, or may not be read
        return None


def _go(folder: Kept, path: str) -> None:
    try:
        if folder.status is not None:
            os.fchdir(folder.number)
        else:  # the realizer has closed all that was open
            os.chdir(path)
    finally:
        folder.close()
