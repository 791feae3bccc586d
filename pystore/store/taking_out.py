"""Taking out: copies of artifacts in folders of the user.

GT1  A copy appears under its name whole, or not at all.
GT2  Nothing that is there is replaced, but with `force` a file by a file.
GT3  No link is followed, and a link is copied only where it stays within the folder.
GT4  The copy belongs to the user: its bytes are new, and the user may write to it.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..core.errors import BadPlace, BadRef
from ..core.printable import listed, printable
from . import disk, tree
from .descriptors import Opened, open_file
from .walk import Step, walk

# The errors of link(2) on file systems without hard links: vfat, others, and FUSE.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


class Taken(NamedTuple):
    """How much was copied."""

    files: int
    size: int  # [bytes]


def take_out(source: Path, target: Path, *, force: bool = False) -> Taken:
    """Copies a file or a folder to a free place; with `force`, a file in the place of a file.

    `source` is no link, and the folder of `target` is there. Raises BadPlace if something is
    there, BadRef for links that lead out of the folder, Corrupted for what is no file, OSError.
    """
    is_folder = stat.S_ISDIR(os.lstat(source).st_mode)
    _check_place(target, force=force and not is_folder)
    staged = target.parent / f".{disk.fresh_name()}"
    try:
        if is_folder:
            _check_links(source)
            taken = _copy_folder(source, staged)
            _name_folder(staged, target)
        else:
            taken = Taken(1, _copy_file(source, None, staged, source.name.encode()))
            _name_file(staged, target, force)
    finally:
        tree.remove(staged)
    return taken


def _check_place(target: Path, *, force: bool) -> None:
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return
    if not force or not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise _taken(target, stat.S_ISREG(mode))


def _taken(target: Path, is_file: bool = False) -> BadPlace:
    return BadPlace(
        "something is there already",
        path=printable(str(target)),
        remedy="name a place that is free" + ("; or --force, for a file" if is_file else ""),
    )


def _check_links(source: Path) -> None:
    """Raises BadRef for links that lead out of a folder (GT3)."""
    links = (step for step in walk(source) if stat.S_ISLNK(step.status.st_mode))
    out = [printable(step.path) for step in links if _leads_out(step.path, _target(step))]
    if out:
        raise BadRef(
            "links in this folder lead out of it",
            path=printable(str(source)),
            links=listed(out, most=10),
            remedy="copy single files, or the folder that holds what they lead to",
        )


def _target(step: Step) -> bytes:
    return os.readlink(step.name, dir_fd=step.folder)


def _leads_out(path: bytes, target: bytes) -> bool:
    """Whether a link may leave the tree.

    Only steps up at its beginning can be counted: later ones start where another link has led.
    """
    steps = [step for step in target.split(b"/") if step not in (b"", b".")]
    ups = next((n for n, step in enumerate(steps) if step != b".."), len(steps))
    return target.startswith(b"/") or ups > path.count(b"/") or b".." in steps[ups:]


def _copy_folder(source: Path, target: Path) -> Taken:
    root = os.fsencode(target)
    os.mkdir(root)
    sizes = [size for step in walk(source) for size in _copy(step, root + b"/" + step.path)]
    return Taken(len(sizes), sum(sizes))


def _copy(step: Step, path: bytes) -> Iterator[int]:
    """Copies one entry; gives the size of a file."""
    mode = step.status.st_mode
    if step.is_directory:
        if not step.leaving:
            os.mkdir(path)
    elif stat.S_ISLNK(mode):
        os.symlink(_target(step), path)
    else:
        yield _copy_file(step.name, step.folder, path, step.path)


def _copy_file(name: bytes | Path, folder: int | None, path: bytes | Path, told: bytes) -> int:
    """Copies one file, with the modes of new files. Returns its size [bytes]."""
    with open_file(name, folder, follow=False) as source:
        status = os.fstat(source)
        mode = 0o777 if status.st_mode & 0o100 else 0o666
        with Opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=mode) as target:
            disk.copy(source, target, told)
            os.fsync(target)
        return status.st_size


def _name_folder(staged: Path, target: Path) -> None:
    try:
        os.rename(staged, target)
    except (FileExistsError, NotADirectoryError) as error:
        raise _taken(target) from error
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        raise _taken(target) from error


def _name_file(staged: Path, target: Path, force: bool) -> None:
    """Gives a file its name, which nobody else has taken meanwhile (GT2)."""
    if force:
        os.replace(staged, target)
        return
    try:
        os.link(staged, target)  # unlike a rename, it replaces nothing
    except FileExistsError:
        raise _taken(target, is_file=True) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _check_place(target, force=False)
        os.rename(staged, target)
