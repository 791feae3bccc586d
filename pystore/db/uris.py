"""Fields of URLs: what is stored is a URL of a stranger, and the value is what is fetched there."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from ..core.dataclasses import replace
from .errors import BadField
from .fetching import Policy
from .fields import Field, field_of, image

_OF_BYTES = ("array", "bytes", "image", "own")  # the kinds that are stored as bytes


def uri(
    inner: Any = None,
    *,
    at: str | None = None,
    required: bool = False,
    hosts: Sequence[str] | None = None,
    private: bool | Sequence[str] = False,
    timeout: float = 10.0,
    max_bytes: float = 20e6,
    root: str | PathLike[str] | None = None,
    max_age: float = 86400.0,
) -> Field:
    """A field of URLs of pictures, or of the values that `inner` decodes from bytes.

    Only http and https, and only public addresses, unless `private` is True or names networks.
    `hosts` are those that are asked at all, by default any; `timeout` [s] is for all of a fetch,
    `max_bytes` for its size; local files are read below the folder `root` only. A listener asks
    after `max_age` [s] whether a content has changed. Raises BadField.
    """
    found = image() if inner is None else field_of("of a uri", inner)
    if found.kind not in _OF_BYTES or found.fetched is not None:
        raise BadField(
            f"no URL leads to a field of kind {found.kind}",
            remedy="uri(image()), uri(array()), uri(bytes), or uri(field(dump=…, load=…)) for "
            "bytes that you decode",
        )
    policy = Policy(hosts, private, timeout, max_bytes, root, max_age)
    return replace(found, at=at, required=required, fetched=policy)
