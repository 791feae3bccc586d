"""Staging area: the folder for the stagings of a store."""

import os
import stat
import warnings
from pathlib import Path

from ..core.errors import BadPlace, PystoreWarning
from . import rights
from .layout import Layout
from .mounts import apart


def area(custom_tmp: Path, layout: Layout, identity: str) -> Path:
    """Where the stagings of a store lie, when its user has named a place for them.

    Raises BadPlace where the folder for them is another user's.
    """
    if custom_tmp.is_relative_to(layout.root):
        return layout.tmp  # gc looks after the store's own directories
    os.makedirs(custom_tmp, exist_ok=True)
    if not apart([layout.tmp, custom_tmp]):
        found = custom_tmp / f"pystore-{identity}"
        rights.ensure_folder(found)
        refuse_strange(found)
        return found
    warnings.warn(
        f"custom_tmp {custom_tmp} is on another device than the store {layout.root}, or on another "
        f"mount of it, and a commit is one rename within a mount: staging stays in {layout.tmp}",
        PystoreWarning,
        stacklevel=4,
    )
    return layout.tmp


def refuse_strange(area: Path) -> None:
    """Raises BadPlace for a folder of stagings that another user has made, or could lead away."""
    status, owner = os.lstat(area), rights.strange_owner(area)
    if owner is None and stat.S_ISDIR(status.st_mode):
        return
    raise BadPlace(
        "the folder for what is being built is not ours",
        path=area,
        owner=owner,
        you=os.geteuid(),
        it_is=None if stat.S_ISDIR(status.st_mode) else "a link",
        remedy="name another custom_tmp, in a folder of your own",
    )
