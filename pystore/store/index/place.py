"""Place: where the file of an index lies: in the cache folder of the user, for each store one."""

import os
from pathlib import Path

from ...core.digest import short
from ...core.errors import PystoreError
from .. import rights
from ..caching import cache
from ..layout import Layout, read_mark


def place_of(layout: Layout) -> Path | None:
    """The file of the index of a store; None where this user can have none.

    Another machine has a file of its own: it sees other stamps, and locks may not reach there.
    """
    try:
        home = cache()
        if home is None or rights.strange_owner(_nearest(home)) is not None:
            return None
        mark = read_mark(layout.root)
        folder = home / "index"
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except (OSError, PystoreError):
        return None
    path = "\n".join([mark.id, os.path.realpath(layout.root), os.uname().nodename])
    return folder / f"{short('pystore index place 1', os.fsencode(path))}.sqlite"


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above that is there."""
    return next(one for one in (folder, *folder.parents) if os.path.lexists(one))
