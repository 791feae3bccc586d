"""Stores: the stores that commands open, make, or find in use. The help of a command needs none."""

import os
from pathlib import Path

import click

from ...store.current import ProcessWide, current_store
from ...store.layout import check_place
from ...store.store import Store
from ..settings import default_below

__all__ = ["current_store", "empty", "is_one_in_use", "opened"]


def is_one_in_use() -> bool:
    """Whether a program has chosen a store, or a command has."""
    return ProcessWide.store is not None


def opened(root: Path) -> Store:
    """The store at `root`, made if there is none; it is the current one from now on."""
    ProcessWide.store = Store(root, below=default_below(root))
    return ProcessWide.store


def empty(root: Path) -> Store:
    """A store that holds nothing, in place of one that could be made at `root`."""
    from tempfile import TemporaryDirectory  # it imports all compressors; few commands need it

    check_place(Path(os.path.abspath(root)))
    folder = TemporaryDirectory(prefix="pystore-")
    return Store(click.get_current_context().with_resource(folder), durable=False)
