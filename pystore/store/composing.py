"""Composing: how the defaults of a program are made, when it first needs them; who hears of pins.

The folder for what can be made again stands apart, since a program may need nothing else of them.

This module imports nothing, since `import pystore` runs it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_how: "list[Callable[[], object]]" = []
_cache: "list[Callable[[], Path | None]]" = []
_of_pins: "list[Callable[[str, str, str, str], None]]" = []


def compose_with(compose: "Callable[[], object]") -> None:
    """Says how to compose the defaults; the package calls this, once."""
    _how[:] = [compose]


def composed() -> object:
    """The `Defaults` of the program, composed anew; None if nothing was said."""
    return _how[0]() if _how else None


def cache_with(find: "Callable[[], Path | None]") -> None:
    """Says how the folder for what can be made again is found; the package calls this, once."""
    _cache[:] = [find]


def cache() -> "Path | None":
    """The folder for what can be made again; None if there is none, or nothing was said."""
    return _cache[0]() if _cache else None


def tell_of_pins(listener: "Callable[[str, str, str, str], None]") -> None:
    """Says whom to tell when a pin means another realization; the package calls this, once."""
    _of_pins[:] = [listener]


def pin_moved(root: str, name: str, rref: str, before: str) -> None:
    """Tells that a pin of the store at `root` means `rref` now; `before` is empty if it is new."""
    for listener in _of_pins:
        listener(root, name, rref, before)
