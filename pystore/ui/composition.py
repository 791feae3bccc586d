"""Composition: the defaults of a program, from environment, settings and terminal."""

from ..store.composing import compose_with

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..store.defaults import Defaults


def compose() -> None:
    """Registers how the defaults are composed when a program first needs them."""
    compose_with(_composed)


def _composed() -> "Defaults":
    from ..store.defaults import Defaults  # late for weight: `import pystore` needs none of it
    from . import settings  # late for weight, too
    from .watch import watching  # late for weight, too

    return Defaults(
        find_store=settings.find_store,
        substituters=settings.substituters,
        trusted_keys=settings.trusted_keys,
        diffs=settings.diffs,
        display=watching.display,
        bar=watching.bar,
    )
