"""Caching: the folder of the user for what can be made again, such as an index."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ..core.errors import PystoreError
from . import composing, disk, rights


class InForce:
    """How the folder is found."""

    find: Callable[[], Path | None] = composing.cache


def cache() -> Path | None:
    """The folder, whether it is there or not; None where the user has none."""
    return InForce.find()


def folder(kind: str) -> Path | None:
    """The folder for one kind of files, made where it is missing; None where this user has none.

    What another user may write to is not believed.
    """
    try:
        home = cache()
        if home is None or rights.strange_owner(_nearest(home)) is not None:
            return None
        os.makedirs(home / kind, mode=0o700, exist_ok=True)
        if rights.strange_owner(home / kind) is not None or is_open(os.stat(home / kind)):
            return None
    except (OSError, PystoreError):
        return None
    return home / kind


def of_store(store_id: str, root: Path, *more: str) -> bytes:
    """What a file about a store is named by.

    Another machine has a file of its own: it sees other stamps, and locks may not reach there.
    """
    told = [store_id, os.path.realpath(root), os.uname().nodename, *more]
    return os.fsencode("\n".join(told))


def is_open(status: os.stat_result) -> bool:
    """Whether others than the owner may write to what has this status."""
    return bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def make_room(folder: Path, files: int, size: int | None = None) -> None:
    """Removes the oldest files of a folder, so that one more makes `files` at most.

    And until they have `size` [bytes] together at most, if it is given. What is no file stays.
    """
    found = sorted(_files(folder))
    total = sum(one[1] for one in found)
    for number, (_, bytes_, path) in enumerate(found):
        if len(found) - number < files and (size is None or total <= size):
            break
        disk.remove_file(path)
        total -= bytes_


def _files(folder: Path) -> Iterator[tuple[int, int, str]]:
    """When each file of a folder was written, its size, and its path."""
    with os.scandir(folder) as entries:
        for one in entries:
            with suppress(FileNotFoundError):  # another process makes room, too
                status = one.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield status.st_mtime_ns, status.st_size, one.path


def _nearest(path: Path) -> Path:
    """The folder, or the nearest one above that is there."""
    return next(one for one in (path, *path.parents) if os.path.lexists(one))
