"""Fields of URLs: what is stored is a URL of a stranger, and the value is what is fetched there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike

from .fetching import Policy
from .fields import Field, image


def uri(
    inner: Field | None = None,
    *,
    at: str | None = None,
    required: bool = False,
    hosts: Sequence[str] | None = None,
    private: bool | Sequence[str] = False,
    timeout: float = 10.0,
    max_bytes: float = 20e6,
    root: str | PathLike[str] | None = None,
) -> Field:
    """A field of URLs of pictures, or of what `inner` says.

    Only http and https, and only public addresses, unless `private` is True or names networks.
    `hosts` are those that are asked at all, by default any; `timeout` [s] is for all of a fetch,
    `max_bytes` for its size; local files are read below the folder `root` only.
    """
    policy = Policy(
        hosts=None if hosts is None else tuple(hosts),
        private=private if isinstance(private, bool) else tuple(private),
        timeout=timeout,
        max_bytes=max_bytes,
        root=root,
    )
    return replace(inner or image(), at=at, required=required, fetched=policy)
