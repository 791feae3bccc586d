"""Composing: how the defaults of a program are made, when it first needs them.

This module imports nothing, since `import pystore` runs it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .defaults import Defaults

_how: "list[Callable[[], Defaults]]" = []


def compose_with(compose: "Callable[[], Defaults]") -> None:
    """Says how to compose the defaults; the package calls this, once."""
    _how[:] = [compose]


def composed() -> "Defaults | None":
    """The defaults, composed anew; None if nothing was said."""
    return _how[0]() if _how else None
