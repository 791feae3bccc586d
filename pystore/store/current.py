"""The current store: a process-wide default, overridden in a block by `with store.use():`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple
from weakref import ref

from .defaults import defaults

if TYPE_CHECKING:
    from .store import Store


class _Use:
    """A block that uses a store, for as long as the block refers to it.

    Ctrl-C may come when the block ends, and keep it from saying so.
    """

    def __init__(self, store: Store) -> None:
        self.store = store


class _Known(NamedTuple):
    use: ref[_Use]
    around: _Known | None


_in_use: ContextVar[_Known | None] = ContextVar("pystore in use", default=None)


class ProcessWide:
    """The store that is current where no block uses another; None until one is needed."""

    store: Store | None = None


def current_store() -> Store:
    """The store that module-level functions work on."""
    known = _in_use.get()
    while known is not None:
        if (use := known.use()) is not None:
            return use.store
        known = known.around
    if ProcessWide.store is None:
        ProcessWide.store = defaults().find_store()
    return ProcessWide.store


@contextmanager
def using(store: Store) -> Iterator[Store]:
    """Makes `store` the current one inside the block."""
    use = _Use(store)
    token = _in_use.set(_Known(ref(use), _in_use.get()))
    try:
        yield store
    finally:
        _in_use.reset(token)
