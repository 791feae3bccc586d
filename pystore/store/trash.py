"""Trash: how realizations and derivations go away (S3).

They go by one rename into `trash/`. Where no rename leads there, as from the lower layer of an
overlay, a realization is first marked as damaged, so that nobody is served a part of it, and then
removed in its place. If that is cut short, gc or the next build removes the rest.
"""

import errno
import os
import stat
import time
from pathlib import Path

from ..core.refs import DRef, RRef
from . import disk, moving, rights, tree, verdicts
from .layout import Layout


def trash(layout: Layout, path: Path) -> Path:
    """Moves a realization into `trash/`, where it lies until the next gc. Returns its place."""
    resting = layout.trash / disk.fresh_name()
    if not _rename(path, resting):
        moving.copy(path, resting, durable=False)
        _remove_in_place(layout, path)
    return resting


def discard(layout: Layout, path: Path) -> Path | None:
    """Moves a realization or a derivation into `trash/`, to be deleted.

    Returns its place there, or None when it is gone already.
    """
    resting = layout.trash / disk.fresh_name()
    if _rename(path, resting):
        return resting
    _remove_in_place(layout, path)
    return None


def discard_litter(layout: Layout, path: Path) -> Path:
    """Moves something that nobody needs into `trash/`, or removes it where no rename leads.

    Returns its place there, or where it was.
    """
    resting = layout.trash / disk.fresh_name()
    if _rename(path, resting):
        return resting
    tree.remove(path)
    return path


def _rename(path: Path, resting: Path) -> bool:
    """Whether a rename has moved it; False where no rename leads there."""
    mode = os.lstat(path).st_mode
    # A non-root user cannot rename a 0555 directory into another parent.
    closed = stat.S_ISDIR(mode) and mode & 0o700 != 0o700
    if closed:
        os.chmod(path, stat.S_IMODE(mode) | 0o700)
    try:
        os.rename(path, resting)
        return True
    except OSError as error:
        if closed:
            os.chmod(path, stat.S_IMODE(mode))  # the folder stays
        if error.errno != errno.EXDEV:
            raise
        return False


def _remove_in_place(layout: Layout, path: Path) -> None:
    if path.parent != layout.drv:
        return _remove_realization(layout, RRef(f"rref:{path.name}-{path.parent.name}"))
    for rref in list(layout.realizations(DRef(f"dref:{path.name}"))):
        _remove_realization(layout, rref)
    tree.remove(path / "attempts")
    tree.remove(path)  # its config goes last: until then, this is a derivation without results


def _remove_realization(layout: Layout, rref: RRef) -> None:
    path, folder = Path(layout.realization(rref)), layout.attempts(rref.dref)
    rights.ensure_folder(folder)
    facts = {"what": ["it was being removed"], "at": time.time_ns()}
    verdicts.put(folder, rref, "damaged", facts, layout.tmp)
    tree.remove(path)
    disk.sync_directory(path.parent)  # or a power cut could leave a part without the mark
    verdicts.lift(folder, rref, "damaged")
