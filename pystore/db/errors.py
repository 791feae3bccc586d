"""Errors of collections in databases."""

from collections.abc import Collection

from ..core.errors import FetchError, PystoreError
from ..core.near_names import near_names
from ..core.printable import listed

__all__ = [
    "BadContent",
    "BadDatabase",
    "BadField",
    "BadRow",
    "FetchRefused",
    "NoListener",
    "NoPermission",
    "NotFetched",
]


class BadDatabase(PystoreError):
    """A database or a table that cannot be used: unknown, not there, too new, without a key."""


class BadField(PystoreError):
    """A field that the table cannot have, or that no table has."""


class BadRow(PystoreError):
    """A row that does not fit its collection: the facts `row` and `field` say where."""


class BadContent(PystoreError):
    """Stored bytes that are not what their field says, such as a text in place of an image."""


class NoListener(PystoreError):
    """A call that waits for a listener, or asks one, where there is none."""


class NoPermission(PystoreError):
    """What the database refuses to this role: the remedy says what its owner could grant."""


class NotFetched(FetchError):
    """A URL that did not bring its content; unless it `is_final`, another try may bring it."""

    is_final = False


class FetchRefused(NotFetched):
    """A URL that is not fetched, or an answer that is not taken: any other try would go as this."""

    is_final = True


def nearest(name: str, known: Collection[str], otherwise: str) -> str:
    """The remedy for a name that is unknown: the known one that is like it, if there is one."""
    near = near_names(name, known, 1)
    return f"did you mean {near[0]}?" if near else otherwise


def not_there(
    kind: str, name: str, there: Collection[str], *, database: str, remedy: str
) -> BadDatabase:
    """The error for a table or a collection that a database does not have."""
    told = {f"{kind}s": listed(there) or "none"}
    return BadDatabase(f"there is no {kind} {name}", database=database, **told, remedy=remedy)
