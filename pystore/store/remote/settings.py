"""Remotes: which ones results may come from, and whose word counts, if the program says nothing."""

import os
from collections.abc import Iterable

from ...core.errors import BadStage
from ..defaults import defaults
from ..ports import StoreProtocol, Substituter
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
) -> Substituter | None:
    """Looks in these remotes for a store, before something is built. Raises BadPlace.

    None means what the settings say; the result is None where there is no remote to look in.
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
    # Imported late for weight: few programs use remotes.
    from .open_place import check_url
    from .optional_remote import OptionalRemote
    from .signing import trusting
    from .substitute import Substituting

    trusted = trusting(defaults().trusted_keys() if trusted_keys is None else trusted_keys)
    return Substituting(store, [OptionalRemote(check_url(url), trusted) for url in urls])
