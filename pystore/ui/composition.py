"""Composition: the defaults of a program, from environment, settings and terminal."""

from ..store.defaults import Defaults, compose_with


def compose() -> None:
    """Registers how the defaults are composed when a program first needs them."""
    compose_with(_composed)


def _composed() -> Defaults:
    from . import settings  # late for weight: `import pystore` composes, and reads no settings
    from .watch import watching

    return Defaults(
        find_store=settings.find_store,
        substituters=settings.substituters,
        trusted_keys=settings.trusted_keys,
        diffs=settings.diffs,
        keeps_code=settings.keeps_code,
        display=watching.display,
        bar=watching.bar,
    )
