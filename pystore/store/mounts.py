"""Mounts: which mount holds a path, what is mounted in a tree, and whether a rename is possible.

Two mounts of one device have one device number, and rename(2) between them fails all the same, as
with two volumes of a container that lie on one disk. Source: rename(2), proc_pid_fdinfo(5),
proc_pid_mountinfo(5).
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from . import disk
from .descriptors import Opened

SHARED = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "lustre", "glusterfs")
"""Types of file systems that several machines use at the same time."""

OWN = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "tmpfs", "overlay")
"""Types of file systems of one machine, on which stat(2) tells at once that a folder has changed.

NFS may tell that a minute later, though it lists the folder anew (nfs(5), "Directory entry
caching"); some that lie over an object store, or join several folders, never tell.
"""

_PATH_ONLY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
_PLAIN = re.compile(rb"[A-Za-z0-9._-]*[A-Za-z0-9_-]")  # not ".."
_ESCAPED = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """A mount: one rename never leads to another one."""

    device: int
    number: bytes  # empty where the system does not tell


def mount_of(folder: str | os.PathLike[str]) -> Mount:
    """The mount on which a folder lies. Raises OSError."""
    with Opened(folder, _PATH_ONLY) as descriptor:
        return Mount(os.fstat(descriptor).st_dev, _number(descriptor))


def apart(folders: Iterable[str | os.PathLike[str]]) -> list[str]:
    """The folders that lie on another mount than the first one."""
    first, *others = [(os.fspath(folder), mount_of(folder)) for folder in folders]
    return [folder for folder, mount in others if mount != first[1]]


def _number(descriptor: int) -> bytes:
    try:
        text = disk.read_kernel(f"/proc/self/fdinfo/{descriptor}")
    except OSError:
        return b""  # no /proc here
    _, found, rest = text.partition(b"mnt_id:")
    return rest.split(None, 1)[0] if found else b""


def inside(tree: Path) -> list[bytes]:
    """The paths below `tree` where something is mounted; none where the system does not tell.

    A bind mount shows here only: its files have the same device as ours.
    """
    lines, name = _all(), os.fsencode(os.path.basename(tree))
    # A name without spaces and backslashes stands in a line as it is: most have none, and no line.
    if _PLAIN.fullmatch(name) and not os.path.islink(tree):
        lines = [line for line in lines if name in line]
    if not lines:
        return []
    prefix = os.fsencode(os.path.realpath(tree)) + b"/"
    places = (_plain(line.split(b" ", 5)[4]) for line in lines)
    return [place[len(prefix) :] for place in places if place.startswith(prefix)]


def mounted(path: Path) -> tuple[str, str]:
    """The type of the file system of a path, and where it is mounted; "" if unknown."""
    device = os.stat(path).st_dev
    wanted, found = f"{os.major(device)}:{os.minor(device)}", ("", "")
    for line in _all():
        before, _, after = line.decode("utf-8", "replace").partition(" - ")
        fields = before.split()
        if fields[2] == wanted and path.is_relative_to(fields[4].replace("\\040", " ")):
            found = (after.split()[0], fields[4])
    return found


def kind_of(descriptor: int) -> str:
    """The type of the file system of an open file; "" if unknown."""
    if number := _number(descriptor):
        for line in _all():
            if line.split(b" ", 1)[0] == number:
                return line.partition(b" - ")[2].split()[0].decode()
    return ""


def tells_changes(folder: str | os.PathLike[str]) -> bool:
    """Whether stat(2) is known to tell at once that a folder has changed."""
    try:
        with Opened(folder, _PATH_ONLY) as descriptor:
            return kind_of(descriptor) in OWN
    except OSError:
        return False


def is_shared(path: Path) -> bool:
    """Whether other machines, which our kernel does not know of, may use a path as well."""
    return mounted(path)[0] in SHARED


def _all() -> list[bytes]:
    """A line for each mount: 36 35 98:0 / /mnt rw,noatime - ext3 /dev/root rw."""
    try:
        return disk.read_kernel("/proc/self/mountinfo").splitlines()
    except FileNotFoundError:
        return []  # no /proc here


def _plain(escaped: bytes) -> bytes:
    return _ESCAPED.sub(lambda code: bytes([int(code[1], 8)]), escaped)
