"""Collecting: how often Python seeks cycles of objects that nobody uses any more."""

import gc

_OBJECTS = 100_000  # made before cycles are sought: most commands end with far fewer
_USUAL = gc.get_threshold()


def seldom() -> None:
    """Seeks cycles seldom: for commands that run no code of the user."""
    gc.set_threshold(_OBJECTS)


def as_usual() -> None:
    """Seeks cycles as Python does by itself: those of the user may hold large arrays."""
    gc.set_threshold(*_USUAL)
