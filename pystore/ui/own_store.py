"""The store of a program: the one that it names, or the one that the settings say."""

import os
import warnings
from typing import Literal

from ..core.errors import BadSettings, PystoreWarning
from ..core.options import Seeds
from ..core.printable import listed
from ..store.current import ProcessWide
from ..store.home import expanded
from ..store.layout import exists
from ..store.sharing import share_with_group
from ..store.store import Store
from .nearby import passed_over
from .settings import default_below, default_root, named_root


def store_initialize(
    custom_store: str | os.PathLike[str] | None = None,
    custom_tmp: str | os.PathLike[str] | None = None,
    *,
    durable: bool = True,
    below: str | os.PathLike[str] | None = None,
    shared: Literal["group"] | None = None,
    seeds: Seeds | None = None,
) -> Store:
    """Makes a store the current one of this process; creates it if there is none.

    Prints its path. `custom_store` is the path (default: see `default_root`). Realizers write in
    `custom_tmp`, if it is on the same device. `below` is a store that is also read, and never
    written (default: `PYSTORE_BELOW`). With `shared`, the group of the store's folder may use it
    too, whatever the umask of its users. `seeds="own"` gives a new store seeds of its own. Raises
    NotAStore when the path holds other files, or a store with other seeds; FormatTooNew when a
    later version of pystore wrote it.
    """
    if shared not in (None, "group"):
        raise BadSettings(
            "a store is shared with its group, or with nobody",
            given=repr(shared)[:200],
            remedy='store_initialize(path, shared="group")',
        )
    root = expanded(custom_store) if custom_store is not None else default_root()
    print(f"Initializing {'existing' if exists(root) else 'non-existing'} {root}")
    below = default_below(root) if below is None else below
    store = Store(root, durable=durable, custom_tmp=custom_tmp, below=below, seeds=seeds)
    ProcessWide.store = store
    if shared and (left := share_with_group(store)):
        warnings.warn(f"not ours to share: {listed(left, '; ')}", PystoreWarning, stacklevel=2)
    return store


def find_store() -> Store:
    """The store of a program that names none; created if there is none."""
    root = default_root()
    if named_root() is None and (other := passed_over(root)):
        warnings.warn(
            f"the store beside the program is used, {root}, and not that of the working "
            f"directory, {other}: PYSTORE_ROOT names one",
            PystoreWarning,
            stacklevel=2,
        )
    return Store(root, below=default_below(root))
