"""Mount points: which file system holds a path, and what is mounted inside of a tree."""

import os
import re
from pathlib import Path

from . import disk

SHARED = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "lustre", "glusterfs")
"""Types of file systems that several machines use at the same time."""

_ESCAPED = re.compile(rb"\\([0-7]{3})")


def inside(tree: Path) -> list[bytes]:
    """Where something is mounted below `tree`, as paths from there; none where nobody can tell.

    A mount of the same device, as of a folder, shows here only: the device of its files is ours.
    """
    try:
        mounts = disk.read_kernel("/proc/self/mountinfo").splitlines()
    except FileNotFoundError:
        return []
    prefix = os.fsencode(tree) + b"/"
    places = (_plain(line.split(b" ", 5)[4]) for line in mounts)  # 36 35 98:0 / /mnt rw …
    return [place[len(prefix) :] for place in places if place.startswith(prefix)]


def _plain(escaped: bytes) -> bytes:
    return _ESCAPED.sub(lambda code: bytes([int(code[1], 8)]), escaped)


def mounted(path: Path) -> tuple[str, str]:
    """The type of the file system that holds a path, and where it is mounted; "" if unknown."""
    device = os.stat(path).st_dev
    wanted, found = f"{os.major(device)}:{os.minor(device)}", ("", "")
    try:
        lines = disk.read_kernel("/proc/self/mountinfo").decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:  # 36 35 98:0 / /mnt rw,noatime - ext3 /dev/root rw
        before, _, after = line.partition(" - ")
        fields = before.split()
        if fields[2] == wanted and path.is_relative_to(fields[4].replace("\\040", " ")):
            found = (after.split()[0], fields[4])
    return found


def is_shared(path: Path) -> bool:
    """Whether several machines may use the file system of a path: its kernel does not know all."""
    return mounted(path)[0] in SHARED
