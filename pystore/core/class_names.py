"""Class names: classes of packages, known by name so that no package is imported."""

from typing import Any


def descends(value: object, name: str) -> bool:
    """Whether a value is an instance of the class `package.Class`."""
    package, _, last = name.partition(".")
    mro = type(value).__mro__
    return any(one.__name__ == last and one.__module__.partition(".")[0] == package for one in mro)


def unboxed(value: Any) -> Any:
    """The plain value of a scalar of NumPy; anything else as it is."""
    return value.item() if descends(value, "numpy.generic") else value
