"""Caching: the folder of the user for what can be made again, such as an index."""

from collections.abc import Callable
from pathlib import Path

from .composing import composed

Find = Callable[[], Path | None]


class InForce:
    """How the folder is found; None until it is first needed."""

    find: Find | None = None


def cache() -> Path | None:
    """The folder, whether it is there or not; None where the user has none."""
    if InForce.find is None:
        InForce.find = getattr(composed(), "cache", lambda: None)
    return InForce.find()
