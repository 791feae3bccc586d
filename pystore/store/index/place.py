"""Place: where the file of an index lies: in the cache folder of the user, for each store one."""

from pathlib import Path

from ...core.digest import short
from ...core.errors import PystoreError
from .. import caching
from ..layout import Layout, read_mark


def place_of(layout: Layout) -> Path | None:
    """The file of the index of a store; None where this user can have none."""
    folder = caching.folder("index")
    if folder is None:
        return None
    try:
        mark = read_mark(layout.root)
    except (OSError, PystoreError):
        return None
    told = caching.of_store(mark.id, layout.root)
    return folder / f"{short('pystore index place 1', told)}.sqlite"
