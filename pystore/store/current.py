"""The current store: a process-wide default, overridden in a block by `with store.use():`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .store import Store

_in_use: ContextVar[Store | None] = ContextVar("pystore in use", default=None)


class Default:
    """The process-wide store, and how to find one when none was named."""

    store: Store | None = None
    find: Callable[[], Store]


def current_store() -> Store:
    """The store that module-level functions work on."""
    if (store := _in_use.get()) is not None:
        return store
    if Default.store is None:
        Default.store = Default.find()
    return Default.store


@contextmanager
def using(store: Store) -> Iterator[Store]:
    """Makes `store` the current one inside the block."""
    token = _in_use.set(store)
    try:
        yield store
    finally:
        _in_use.reset(token)
