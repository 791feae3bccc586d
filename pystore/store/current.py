"""The current store: a process-wide default, overridden in a block by `with store.use():`."""

from .defaults import defaults
from .store import USED, Store


class ProcessWide:
    """The store that is current where no block uses another; None until one is needed."""

    store: Store | None = None


def current_store() -> Store:
    """The store that module-level functions work on."""
    if (store := USED.get()) is not None:
        return store
    if ProcessWide.store is None:
        ProcessWide.store = defaults().find_store()
    return ProcessWide.store
