"""Composing: how the defaults of a program are made, when it first needs them.

This module imports nothing, since `import pystore` runs it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_how: "list[Callable[[], object]]" = []


def compose_with(compose: "Callable[[], object]") -> None:
    """Says how to compose the defaults; the package calls this, once."""
    _how[:] = [compose]


def composed() -> object:
    """The `Defaults` of the program, composed anew; None if nothing was said."""
    return _how[0]() if _how else None
