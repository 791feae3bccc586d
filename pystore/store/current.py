"""The current store: that of the innermost `with store.use():`, else one for the process."""

from .defaults import defaults
from .store import USED, Store


class ProcessWide:
    """The store that is current outside of all blocks; None until one is needed."""

    store: Store | None = None


def current_store() -> Store:
    """The store that functions use if they are given none."""
    if (store := USED.get()) is not None:
        return store
    if ProcessWide.store is None:
        ProcessWide.store = defaults().find_store()
    return ProcessWide.store
