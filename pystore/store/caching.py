"""Caching: the folder of the user for what can be made again, such as an index."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from ..core.errors import PystoreError
from . import composing, rights


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
        if rights.strange_owner(home / kind) is not None or _is_open(home / kind):
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


def _is_open(folder: Path) -> bool:
    """Whether others than the owner may write to a folder."""
    return bool(os.stat(folder).st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _nearest(path: Path) -> Path:
    """The folder, or the nearest one above that is there."""
    return next(one for one in (path, *path.parents) if os.path.lexists(one))
