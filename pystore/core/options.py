"""Options that several functions take, and their checks."""

from operator import index
from typing import Any, Literal

from .errors import BadStage, PystoreError

Mode = Literal["max", "min"]

Scope = Literal["now", "any"]
"""Results of which code: of the current code (for a name: of the last run), or of any."""


Seeds = Literal["own"]
"""The seeds of a new store: its own seeds, in place of those that all stores share."""


def is_number(given: object) -> bool:
    """Whether a value is a number; True and False are none."""
    return isinstance(given, (int, float)) and not isinstance(given, bool)


def checked_count(
    name: str, given: object, *, least: int = 1, error: type[PystoreError] = BadStage
) -> int:
    """The value of the option `name`, as an int: it may be a whole number of NumPy.

    Raises `error` if it is no whole number, or too small.
    """
    count = given if type(given) is int else _whole(given)
    if count is not None and count >= least:
        return count
    raise error(
        f"{name} is {given!r}, not a whole number of at least {least}", remedy=f"{name}={least}"
    )


def _whole(given: Any) -> int | None:
    """A whole number of another type as an int; None for all else, such as True and 2.0."""
    try:
        return None if isinstance(given, bool) else index(given)
    except TypeError:
        return None


def checked_mode(given: object, error: type[PystoreError] = BadStage) -> Mode:
    """The mode. Raises `error` when it is neither "max" nor "min"."""
    if given in ("max", "min"):
        return given
    raise error(
        f"mode {given!r} is neither 'max' nor 'min'",
        remedy="write mode='max', or mode='min' for a loss",
    )


def checked_scope(given: object) -> Scope:
    """The scope. Raises BadStage when it is neither "now" nor "any"."""
    if given in ("now", "any"):
        return given
    raise BadStage(
        f"code={given!r} is neither 'now' nor 'any'",
        remedy="write code='any' for what other code has made as well",
    )
