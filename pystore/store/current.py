"""The current store: that of the innermost `with store.use():`, else one for the process."""

import os
from typing import Any, TypeVar, overload

from ..core.errors import NotAStore
from .defaults import defaults
from .store import USED, Store


class ProcessWide:
    """The store that is current outside of all blocks; None until one is needed."""

    store: Store | None = None


S = TypeVar("S")


@overload
def current_store(given: None = None) -> Store: ...
@overload
def current_store(given: S | None) -> S | Store: ...
def current_store(given: Any = None) -> Any:
    """The store that is `given` to a function; the current one if none is.

    Raises NotAStore for the path of a store: whoever mistypes one would get a new store.
    """
    if given is not None:
        if isinstance(given, str | os.PathLike):
            raise NotAStore(
                "this is a path, and no store",
                given=repr(given)[:200],
                remedy=f"store=Store({str(given)!r})",
            )
        return given
    if (store := USED.get()) is not None:
        return store
    if ProcessWide.store is None:
        ProcessWide.store = defaults().find_store()
    return ProcessWide.store
