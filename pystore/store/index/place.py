"""Place: where the file of an index lies: in the cache folder of the user, for each store one."""

import os
from pathlib import Path

from ...core.digest import short
from ...core.errors import PystoreError
from .. import caching
from ..layout import Layout, read_mark


def place_of(layout: Layout) -> Path | None:
    """The file of the index of a store; None where this user can have none.

    Another machine has a file of its own: it sees other stamps, and locks may not reach there.
    """
    folder = caching.folder("index")
    if folder is None:
        return None
    try:
        mark = read_mark(layout.root)
    except (OSError, PystoreError):
        return None
    path = "\n".join([mark.id, os.path.realpath(layout.root), os.uname().nodename])
    return folder / f"{short('pystore index place 1', os.fsencode(path))}.sqlite"
