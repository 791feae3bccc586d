"""Ancestry: classes of packages, told by their names: nothing is imported for it."""

from typing import Any


def descends(value: object, name: str) -> bool:
    """Whether a class of this name, with its package, is among those of the value."""
    package, _, last = name.partition(".")
    mro = type(value).__mro__
    return any(one.__name__ == last and one.__module__.partition(".")[0] == package for one in mro)


def unboxed(value: Any) -> Any:
    """The plain value of a scalar of NumPy; anything else as it is."""
    return value.item() if descends(value, "numpy.generic") else value
