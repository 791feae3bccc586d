"""Committed: the realization that an attempt has made."""

from dataclasses import dataclass

from .refs import RRef


@dataclass(frozen=True)
class Committed:
    """The realization that an attempt has made."""

    rref: RRef
    fresh: bool  # False: the store had the same bytes already
