"""Shelf: a package that imports each of its public names when it is first asked for it."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def opening(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: a public name, from the module that defines it."""

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f".{homes[name]}", package), name)

    return found
