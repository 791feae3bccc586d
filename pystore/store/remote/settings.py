"""Which remotes to look in, and which keys to trust, by the settings or the caller."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...core.errors import BadStage
from ...core.later import later
from ..defaults import defaults
from ..store import Store

if TYPE_CHECKING:
    from ...core.ports import StoreReader, Substituter
    from . import signing
    from .address import Url
else:
    later(globals(), ".signing")

Remotes = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def places(substitute: Remotes | None) -> "list[Url]":
    """The remotes to look in, in this order; the default is that of the settings."""
    asked = defaults().substituters() if substitute is None else substitute
    return [asked] if isinstance(asked, (str, os.PathLike)) else list(asked)


def substituting(
    store: "StoreReader", substitute: Remotes | None, trusted_keys: str | Iterable[str] | None
) -> "Substituter | None":
    """What looks in these remotes for results; None if there are none. Raises BadPlace.

    The defaults for `substitute` and `trusted_keys` are those of the settings.
    """
    urls = places(substitute)
    if not urls:
        return None
    if not isinstance(store, Store):
        if substitute is None:
            return None
        raise BadStage(
            "only a store on a disk can fetch from other places",
            store=repr(store)[:200],
            remedy="use Store(path)",
        )
    from .optional_remote import OptionalRemote  # late for weight: few programs use remotes
    from .substitute import Substituting  # late for weight, too

    trusted = signing.trusting(trusted_keys)
    return Substituting(store, [OptionalRemote(url, trusted) for url in urls])
