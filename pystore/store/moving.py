"""Moving trees to places where no rename leads: by a copy with the same modes.

On an overlay, as in a container, a folder of the lower layer cannot be renamed: rename(2) says
EXDEV. Source: Documentation/filesystems/overlayfs.rst, "renaming directories".
"""

import errno
import os
import stat
from pathlib import Path

from . import disk, tree
from .descriptors import Opened, open_file
from .walk import Step, walk


def move(source: Path, target: Path) -> None:
    """Gives a folder another name, or copies it there and removes it."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(source, target, durable=False)
        tree.remove(source)


def copy(source: Path, target: Path, *, durable: bool) -> None:
    """Copies folders, files, links and modes to a free place: all of the tree, or nothing."""
    root = os.fsencode(target)
    try:
        os.mkdir(root, 0o700)
        for step in walk(source):
            _copy(step, root + b"/" + step.path, durable)
        _finish(root, os.stat(source).st_mode, durable)
    except BaseException:
        tree.remove(target)
        raise


def _copy(step: Step, path: bytes, durable: bool) -> None:
    mode = step.status.st_mode
    if step.leaving:
        _finish(path, mode, durable)
    elif step.is_directory:
        os.mkdir(path, 0o700)
    elif stat.S_ISLNK(mode):
        os.symlink(os.readlink(step.name, dir_fd=step.folder), path)
    elif stat.S_ISREG(mode):
        _copy_file(step, path, durable)


def _finish(folder: bytes, mode: int, durable: bool) -> None:
    os.chmod(folder, stat.S_IMODE(mode))
    if durable:
        disk.sync_directory(os.fsdecode(folder))


def _copy_file(step: Step, path: bytes, durable: bool) -> None:
    with (
        open_file(step.name, step.folder, follow=False) as source,
        Opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600) as target,
    ):
        disk.copy(source, target, step.path)
        os.fchmod(target, stat.S_IMODE(step.status.st_mode))
        if durable:
            os.fsync(target)
