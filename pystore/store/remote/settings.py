"""Remotes: which ones results may come from, and whose word counts, if the program says nothing."""

import os
from collections.abc import Iterable

from ...core.errors import BadStage
from ..defaults import defaults
from ..ports import StoreProtocol
from ..store import Store

Url = str | os.PathLike[str]
Remotes = Url | Iterable[Url]


def places(substitute: Remotes | None) -> list[Url]:
    """The remotes to look in, in the order to ask them; None means what the settings say."""
    asked = defaults().substituters() if substitute is None else substitute
    return [asked] if isinstance(asked, (str, os.PathLike)) else list(asked)


def substituting(
    store: StoreProtocol,
    substitute: Remotes | None,
    trusted_keys: str | Iterable[str] | None,
) -> StoreProtocol:
    """The store, which looks in these places before something is built. Raises BadPlace.

    None means what the settings say.
    """
    urls = places(substitute)
    if not urls:
        return store
    if not isinstance(store, Store):
        if substitute is None:
            return store
        raise BadStage(
            "only a store on a disk can fetch from other places",
            store=repr(store)[:200],
            remedy="use Store(path)",
        )
    from .place import check_url
    from .signing import trusting
    from .substitute import Source, Substituting

    trusted = trusting(defaults().trusted_keys() if trusted_keys is None else trusted_keys)
    return Substituting(store, [Source(check_url(url), trusted) for url in urls])
