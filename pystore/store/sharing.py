"""Sharing: lets the group of a store use its folders and locks, whatever the umask of its users.

Sealed files keep their modes. Git does the same with core.sharedRepository.
"""

import os
import stat
from collections.abc import Iterator

from . import rights
from .live_file import PREFIX
from .reader import Reader
from .rights import Obstacle, obstacle
from .walk import Step, walk


def share_with_group(store: Reader) -> list[Obstacle]:
    """Lets the group of the store's folder use all that is there, and all that is made from now on.

    Returns the paths that are not ours to share.
    """
    left: list[Obstacle] = []
    for path in _own(str(store.root)):
        try:
            rights.share(path)
        except FileNotFoundError:
            continue  # its process has just ended
        except PermissionError as error:
            left.append(obstacle(path, error))
    return left


def _own(root: str) -> Iterator[str]:
    """The folders and locks of a store, to which its users write."""
    yield root
    for step in walk(root, lambda step: _is_own(os.fsdecode(step.path)) and _can_enter(step)):
        path = os.fsdecode(step.path)
        # The target of a link may lie outside of the store.
        if not step.leaving and _is_own(path) and not stat.S_ISLNK(step.status.st_mode):
            yield f"{root}/{path}"


def _is_own(path: str) -> bool:
    match path.split("/"):
        case [_]:
            return path != "pystore.json"
        case ["drv", _] | ["resolved", _] | ["locks", _] | ["pinned", _]:
            return True
        case ["drv", _, "attempts"]:
            return True
        case ["drv", _, "attempts", name]:
            return name.endswith((".logs", ".scratch", ".log"))
        case ["tmp", name]:
            return name.startswith(PREFIX)
    return False


def _can_enter(step: Step) -> bool:
    return os.access(step.name, os.R_OK | os.X_OK, dir_fd=step.folder)
