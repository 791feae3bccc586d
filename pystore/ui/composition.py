"""Composition: the defaults of a program, from environment, settings and terminal."""

from ..store.composing import cache_with, compose_with, tell_of_pins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from ..store.defaults import Defaults


def compose() -> None:
    """Registers how the defaults are composed when a program first needs them."""
    compose_with(_composed)
    cache_with(_cache)
    tell_of_pins(_pin_moved)


def _pin_moved(root: str, name: str, rref: str, before: str) -> None:
    from .on_end import pin_moved  # late for weight: few processes move a pin

    pin_moved(root, name, rref, before)


def _cache() -> "Path | None":
    from .settings import cache  # late for weight, too

    return cache()


def _composed() -> "Defaults":
    from .defaults import composed  # late for weight: `import pystore` needs none of it

    return composed()
