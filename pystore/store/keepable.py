"""Keepable: refuses an output that no store can keep, before anything is changed (S4)."""

import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from ..core.errors import UnkeepableOutput
from ..core.manifest import encode_name
from ..core.printable import listed
from . import mounts, rights
from .descriptors import KINDS
from .inward_links import inward
from .walk import Step, open_up, walk

_REMEDY = "write plain files, directories, and links between them"
_RUN_AS_YOU = "; have what writes them, such as a container, run as you: --user $(id -u):$(id -g)"


class Kept(NamedTuple):
    """A tree that can be kept."""

    absolute: dict[str, str]  # the absolute links that lead into it, with their relative targets
    files: int  # how many it has


def _nothing(step: Step) -> None:
    pass


def check(
    out: Path, outside: Collection[str] = (), look: Callable[[Step], None] = _nothing
) -> Kept:
    """Makes sure that a tree can be kept; changes nothing, but opens directories to their owner.

    `outside` are link targets that may lie outside of it. `look` is called for each regular file.
    Raises UnkeepableOutput, which names each special file, link that leaves the tree, hard link to
    a file outside, mount, and file of another user.
    """
    found = _Check(out, outside, look)
    for step in walk(out, found.enters):
        found.visit(step)
    if problems := found.problems():
        raise UnkeepableOutput(
            "the output holds what a store cannot keep",
            problems=listed(problems, "; "),
            remedy=_REMEDY + (_RUN_AS_YOU if found.foreign else ""),
        )
    return Kept(found.absolute, found.files)


class _Check:
    """One look at a tree."""

    def __init__(self, out: Path, outside: Collection[str], look: Callable[[Step], None]) -> None:
        self._out, self._outside, self._look = out, outside, look
        self._device = os.lstat(out).st_dev
        self._mounted = mounts.inside(out)
        self._problems = [f"{encode_name(place)}: a mount" for place in self._mounted]
        self._hard_links: dict[tuple[int, int], list[tuple[int, str]]] = {}
        self.foreign = False  # whether files of another user were found
        self.absolute: dict[str, str] = {}
        self.files = 0

    def enters(self, step: Step) -> bool:
        return not self._is_apart(step) and not _is_foreign(step)

    def visit(self, step: Step) -> None:
        if self._is_apart(step):
            if not self._mounted:  # a mount is named already, where the system tells of mounts
                self._refuse(step, "on another device")
        elif step.leaving:
            return
        elif _is_foreign(step):
            owner = rights.user(step.status.st_uid)
            self._refuse(step, f"it belongs to {owner}, and we may not seal it")
            self.foreign = True
        elif step.is_directory:
            open_up(step)
        else:
            self._visit_file(step)

    def problems(self) -> list[str]:
        """The problems of all that was visited."""
        linked_outside = [
            links[0] for links in self._hard_links.values() if len(links) < links[0][0]
        ]
        what = "a hard link to a file outside of the tree"
        return [*self._problems, *(f"{name}: {what}" for _, name in linked_outside)]

    def _visit_file(self, step: Step) -> None:
        mode = step.status.st_mode
        if stat.S_ISLNK(mode):
            self._visit_link(step)
        elif not stat.S_ISREG(mode):
            self._refuse(step, KINDS.get(stat.S_IFMT(mode), "a special file"))
        else:
            self.files += 1
            if step.status.st_nlink > 1:
                inode = (step.status.st_dev, step.status.st_ino)
                link = step.status.st_nlink, encode_name(step.path)
                self._hard_links.setdefault(inode, []).append(link)
            self._look(step)

    def _visit_link(self, step: Step) -> None:
        target = os.fsdecode(os.readlink(step.name, dir_fd=step.folder))
        path = os.fsdecode(step.path)
        if target in self._outside:
            return
        if os.path.isabs(target) and (relative := inward(self._out, path, target)) is not None:
            self.absolute[path] = target = relative
        if _leaves(self._out, path, target):
            self._refuse(step, f"a link that leaves the tree, to {target}")

    def _is_apart(self, step: Step) -> bool:
        # On an overlay, files may have other devices than their folder.
        other = step.is_directory and step.status.st_dev != self._device
        return other or step.path in self._mounted

    def _refuse(self, step: Step, why: str) -> None:
        self._problems.append(f"{encode_name(step.path)}: {why}")


def _is_foreign(step: Step) -> bool:
    """Whether an entry belongs to another user, and the system does not let us set its mode."""
    status = step.status
    if status.st_uid == os.geteuid() or stat.S_ISLNK(status.st_mode):
        return False
    try:
        os.chmod(step.name, stat.S_IMODE(status.st_mode), dir_fd=step.folder)
    except PermissionError:
        return True
    return False  # we are root, or the file system does not mind


def _leaves(out: Path, link: str, target: str) -> bool:
    parent = os.path.dirname(link)
    first = os.path.normpath(os.path.join(parent, target)).split(os.sep, 1)[0]
    if os.path.isabs(target) or first == os.pardir:
        return True  # even if it comes back: the tree moves without the folders around it
    root = os.path.realpath(out)
    folder = os.path.realpath(os.path.join(root, parent))
    try:
        place = os.path.realpath(os.path.join(folder, target))
    except OSError:
        return True  # too long to follow
    return place != root and not place.startswith(root + os.sep)
