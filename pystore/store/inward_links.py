"""Inward links: absolute ones that lead back into an output, as checkpoint callbacks write them.

The tree is about to move: they become relative, and mean the same wherever it lies.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from . import disk


def inward(out: Path, link: str, target: str) -> str | None:
    """What an absolute link of a tree would be as a relative one; None where it leads elsewhere.

    `link` is its path from the root of the tree. Links on the way to the target are followed, the
    target itself is not.
    """
    root = os.path.realpath(out)
    try:
        folder = os.path.realpath(os.path.dirname(target.rstrip("/")) or "/")
    except OSError:
        return None  # too long to follow
    place = os.path.normpath(os.path.join(folder, os.path.basename(target.rstrip("/"))))
    if place != root and not place.startswith(root + os.sep):
        return None
    return os.path.relpath(place, os.path.join(root, os.path.dirname(link)))


def make_relative(out: Path, links: Mapping[str, str]) -> None:
    """Replaces these links of a tree by ones with these targets, each by one rename."""
    for name, target in links.items():
        staged = out / os.path.dirname(name) / f".{disk.fresh_name()}"
        os.symlink(target, staged)
        try:
            os.rename(staged, out / name)
        except BaseException:
            disk.remove_file(staged)
            raise
