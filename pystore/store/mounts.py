"""Mounts: whether one rename can move something from a folder to another.

Two mounts of one device have one device number, and rename(2) between them fails all the same, as
with two volumes of a container that lie on one disk. Source: rename(2), proc_pid_fdinfo(5).
"""

import os
from collections.abc import Iterable
from typing import NamedTuple

from . import disk

_PATH_ONLY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC


class Mount(NamedTuple):
    """What renames stay within."""

    device: int
    number: bytes  # of the mount; empty where the system does not tell


def mount_of(folder: str | os.PathLike[str]) -> Mount:
    """The mount on which a folder lies. Raises OSError."""
    descriptor = os.open(folder, _PATH_ONLY)
    try:
        return Mount(os.fstat(descriptor).st_dev, _number(descriptor))
    finally:
        os.close(descriptor)


def apart(folders: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Those of the folders that lie on another mount than the first."""
    first, *others = [(os.fspath(folder), mount_of(folder)) for folder in folders]
    return [folder for folder, mount in others if mount != first[1]]


def _number(descriptor: int) -> bytes:
    try:
        text = disk.read_kernel(f"/proc/self/fdinfo/{descriptor}")
    except OSError:
        return b""  # no /proc here
    _, found, rest = text.partition(b"mnt_id:")
    return rest.split(None, 1)[0] if found else b""
