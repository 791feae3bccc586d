"""The defaults of a program: its settings, its store, and how it shows what happens."""

from ..store.defaults import Defaults
from . import own_store, settings
from .watch import watching


def composed() -> Defaults:
    """The defaults, by environment, settings and terminal."""
    return Defaults(
        find_store=own_store.find_store,
        substituters=settings.substituters,
        trusted_keys=settings.trusted_keys,
        diffs=settings.diffs,
        keeps_code=settings.keeps_code,
        measures_usage=settings.measures_usage,
        display=watching.display,
        bar=watching.bar,
    )
