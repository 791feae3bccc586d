"""Nearby: finds the store of a program that names none.

NB1  A `.pystore/` is searched from the program's file upwards, then from the working directory.
NB2  A store of another user is not used unless it was named, or the settings trust it.
"""

import os
import sys
from collections.abc import Collection
from pathlib import Path

from ..core.errors import BadPlace
from ..store.layout import exists
from ..store.rights import strange_owner

NAME = ".pystore"
ANY = "*"  # trusts every store


class Program:
    """The file with the stages of the user."""

    file: Path | None = None  # that the command line loads

    @classmethod
    def folder(cls) -> Path | None:
        """The folder of the file that the command line loads, else of the script."""
        file = cls.file or _script()
        return None if file is None else Path(os.path.realpath(file)).parent


def nearest(start: Path) -> Path | None:
    """The nearest store from a folder upwards."""
    for folder in (start, *start.parents):
        try:
            if exists(folder / NAME):
                return folder / NAME
        except PermissionError:
            continue  # a folder that we may not read holds no store of ours
    return None


def is_near_program(root: Path) -> bool:
    """Whether this is the store near the program."""
    folder = Program.folder()
    return folder is not None and nearest(folder) == root


def passed_over(root: Path) -> Path | None:
    """The store near the working directory, if `root`, near the program, is used instead."""
    here = nearest(Path.cwd())
    other = here is not None and here.resolve() != root.resolve()
    return here if other and is_near_program(root) else None


def found(trusted: Collection[str | Path], also: Collection[int]) -> Path | None:
    """The store near the program, else near the working directory, if there is one (NB1).

    A store of another user is skipped, unless it lies in a folder of `trusted`, or belongs to one
    of the users `also`. Raises BadPlace if all stores were skipped (NB2).
    """
    starts = [start for start in (Program.folder(), Path.cwd()) if start is not None]
    places = [place for place in map(nearest, starts) if place is not None]
    for root in places:
        if _is_trusted(root, trusted) or strange_owner(root, also) is None:
            return root
    if places:
        raise _strange(places[0], strange_owner(places[0], also))
    return None


def _strange(root: Path, owner: int | None) -> BadPlace:
    return BadPlace(
        "a store was found here that belongs to another user",
        path=root,
        owner=owner,
        you=os.geteuid(),
        remedy=f"make one of your own: pystore init; or, if you trust it, name it: --store {root}, "
        f'PYSTORE_ROOT={root}, or trusted_stores = ["{root}"] in your settings',
    )


def _is_trusted(root: Path, trusted: Collection[str | Path]) -> bool:
    real = Path(os.path.realpath(root))
    return any(one == ANY or real.is_relative_to(os.path.realpath(one)) for one in trusted)


def _script() -> Path | None:
    """The file of `python FILE.py`; None of an installed program, a prompt, or `python -m`."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return None
    installed = Path(os.path.realpath(file)).is_relative_to(os.path.realpath(sys.prefix))
    return None if installed or getattr(main, "__spec__", None) is not None else Path(file)
