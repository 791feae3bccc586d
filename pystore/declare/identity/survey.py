"""Survey: the parts of the project that a function uses, each with a text that says what it is.

SU1  A text holds the normal form of one function, class or module, or the value of one constant,
    and the meaning of each outside name in it. Module names and paths are not in it.
SU2  Parts are named in the order of discovery from the function on, breadth first: the same order
    in every process.
SU3  `Survey.stands` is false as soon as a global, a closed-over value, a default, an attribute or a
    constant has changed.
"""

from collections.abc import Callable, Iterator
from types import CellType, FunctionType
from typing import Any

from ...core.dataclasses import dataclass, field
from .functions import MISSING, content

Place = tuple[int, str]  # the id of a namespace, function, class or cell, and a name in it


@dataclass
class Survey:
    """The texts by name, and the values that must still be there for the texts to be true."""

    texts: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[str, str]] = field(default_factory=dict)  # of each text
    globals_: dict[Place, tuple[Any, str, Any]] = field(default_factory=dict)
    cells: list[tuple[CellType, Any, str]] = field(default_factory=list)
    functions: list[tuple[FunctionType, Any, Any, Any, dict[str, Any]]] = field(
        default_factory=list
    )
    classes: list[tuple[type, dict[str, Any]]] = field(default_factory=list)
    values: list[tuple[Place, Callable[[], str], str]] = field(default_factory=list)

    def stands(self) -> bool:
        """Whether every name still means the identical object, of the same content (SU3)."""
        return next(self.changed(), None) is None

    def changed(self) -> Iterator[Place]:
        """The places whose value or content is another than when it was surveyed."""
        for names, name, value in self.globals_.values():
            if names.get(name, MISSING) is not value:
                yield id(names), name
        for function, code, defaults, keywords, own in self.functions:
            if (
                function.__code__ is not code
                or function.__defaults__ is not defaults
                or function.__kwdefaults__ is not keywords
                or ((function.__dict__ or own) and not _identical(function.__dict__, own))
            ):
                yield id(function), function.__name__
        for cell, value, name in self.cells:
            if content(cell) is not value:
                yield id(cell), name
        for kind, own in self.classes:
            if not _identical(vars(kind), own):
                yield id(kind), kind.__qualname__
        for place, text_now, text in self.values:
            if not _same(text_now, text):
                yield place

    def watched(self) -> Iterator[Place]:
        """The places of all values that must still be there."""
        yield from self.globals_
        yield from ((id(function), function.__name__) for function, *_ in self.functions)
        yield from ((id(cell), name) for cell, _, name in self.cells)
        yield from ((id(kind), kind.__qualname__) for kind, _ in self.classes)
        yield from (place for place, *_ in self.values)


def _identical(now: Any, before: dict[str, Any]) -> bool:
    if len(now) != len(before):
        return False
    return all(now.get(name, MISSING) is value for name, value in before.items())


def _same(text_now: Callable[[], str], text: str) -> bool:
    try:
        return text_now() == text
    except KeyError:
        return False  # it holds a function or class that it did not hold before
