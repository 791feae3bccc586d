"""Walking through trees of any depth, with one descriptor at a time.

WA1  Every entry is visited, however deep: no recursion, no path longer than one name.
WA2  Links are never followed.
"""

import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .descriptors import Opened, open_folder

Root = str | os.PathLike[str]


class Step(NamedTuple):
    """One entry of a tree, met inside its directory."""

    folder: int  # descriptor of its directory; valid until the next step
    path: bytes  # from the root of the tree
    status: os.stat_result  # of the entry itself, never of the target of a link
    name: bytes  # the last part of its path
    is_directory: bool  # a link to one is none
    leaving: bool = False  # a directory whose entries have all been visited
    empty: bool = False  # with `leaving`: it had none


def _every(step: Step) -> bool:
    return True


def walk(root: Root, enters: Callable[[Step], bool] = _every) -> Iterator[Step]:
    """Each entry below `root`, in the order of names; a directory before and after its entries.

    A directory for which `enters` returns False is not entered, and comes only once. Raises OSError
    where a directory cannot be opened; the visitor may mend its mode at the first step.
    """
    folder = open_folder(root)
    inside: list[Step] = []  # the directories that we are in
    pending = [_names(folder.number)]
    prefix = b""
    try:
        while True:
            number, names = folder.number, pending[-1]
            while names:
                name = names.pop()
                step = _step(root, number, prefix + name, name)
                yield step
                if step.is_directory and enters(step):
                    break
            else:
                if not inside:
                    return
                pending.pop()
                folder = _swap(folder, open_folder("..", number))
                left = inside.pop()
                prefix = left.path[: -len(left.name)]
                yield left._replace(folder=folder.number, leaving=True)
                continue
            if (below := _enter(root, step)) is not None:
                folder = _swap(folder, below)
                pending.append(_names(folder.number))
                inside.append(step._replace(empty=not pending[-1]))
                prefix = step.path + b"/"
    finally:
        folder.close()


def step_at(folder: int, path: bytes, name: bytes) -> Step:
    """The step of an entry in an open directory. Raises OSError."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return Step(folder, path, status, name, stat.S_ISDIR(status.st_mode))


def open_up(step: Step) -> None:
    """Lets the owner of a directory read it and write to it."""
    if step.status.st_mode & 0o700 != 0o700:
        os.chmod(step.name, 0o700, dir_fd=step.folder)


def named(error: OSError, root: Root, path: bytes) -> OSError:
    """The same error with the whole path: the system was given only its last part."""
    error.filename = os.fsdecode(os.path.join(os.fsencode(root), path))
    return error


def _step(root: Root, folder: int, path: bytes, name: bytes) -> Step:
    try:
        return step_at(folder, path, name)
    except OSError as error:
        raise named(error, root, path) from None


def _enter(root: Root, step: Step) -> Opened | None:
    try:
        return open_folder(step.name, step.folder)
    except FileNotFoundError:
        return None  # the visitor has moved it away
    except OSError as error:
        raise named(error, root, step.path) from None


def _swap(old: Opened, new: Opened) -> Opened:
    old.close()
    return new


def _names(folder: int) -> list[bytes]:
    return sorted((os.fsencode(name) for name in os.listdir(folder)), reverse=True)
