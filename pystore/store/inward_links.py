"""Inward links: absolute links that lead back into an output, as checkpoint callbacks write them.

They become relative, so that they lead to the same file when the tree has moved.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from . import disk


def inward(out: Path, link: str, target: str) -> str | None:
    """The relative target for an absolute link of a tree; None where the link leads out of it.

    `link` is its path from the root of the tree. Links on the way to the target are followed, but
    not the target itself.
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
    """Gives links of a tree these targets, each by one rename."""
    for name, target in links.items():
        staged = out / os.path.dirname(name) / f".{disk.fresh_name()}"
        os.symlink(target, staged)
        try:
            os.rename(staged, out / name)
        except BaseException:
            disk.remove_file(staged)
            raise
