"""Home: a user's own folder, for paths that begin with `~`."""

import os
from pathlib import Path

from ..core.errors import BadPlace


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with a user's home in place of `~` or `~name`.

    Raises BadPlace where there is no home: nobody means a folder called `~`.
    """
    text = os.fspath(path)
    found = os.path.expanduser(text)
    if text.startswith("~") and not os.path.isabs(found):
        raise BadPlace(
            "no home folder can be found",
            given=text,
            user=os.geteuid(),
            remedy="set HOME to a folder of yours, or name the store: PYSTORE_ROOT, --store",
        )
    return Path(found)


def real(path: str | os.PathLike[str]) -> Path:
    """The path, expanded, absolute and without links. Raises BadPlace as `expanded` does."""
    return Path(os.path.realpath(expanded(path)))
