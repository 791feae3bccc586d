"""Values: the text of what counts by value; equal values have one text, in every process.

What a text consists of stands in the table of kinds (`kinds.py`). Sets are sorted by text (their
order follows the hash seed); dicts keep their order, which code may read.
"""

import os
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from .functions import inner_of
from .project import Project

Meet = Callable[[Any, str], str]  # gives the name of the text of a function, class or module
Hide = Callable[[Any, bool], None]  # hears of an object that counts by the expression it is made by
Place = Callable[[], str]  # the folder of a module whose expression says `__file__`; "" otherwise

_LITERAL = frozenset(
    {bool, float, complex, str, bytes, type(None), type(...), type(NotImplemented)}
)


def literal_text(value: Any) -> str | None:
    """The text of a plain value; None for any other."""
    kind = type(value)
    if kind is int:
        return hex(value) if abs(value) >> 64 else ascii(value)
    return ascii(value) if kind in _LITERAL else None


class Writer:
    """Writes the text of one value, with all that it holds."""

    def __init__(self, project: Project, meet: Meet, hide: Hide, hint: str, place: Place) -> None:
        self.project = project
        self.meet = meet
        self.hint = hint  # the name under which the present value was found
        self._hide = hide
        self._place = place
        self.placed = False  # whether a path was written that `__file__` has made
        self._within: list[int] = []  # the containers that are being written: they may be cyclic

    def text(self, value: Any, hint: str | None = None) -> str:
        """The text of a value, which was found under the name `hint`."""
        kind = type(value)
        plain = literal_text(value)
        if plain is not None and not (kind is str and os.path.isabs(value)):
            return plain
        if id(value) in self._within:
            return f"^{len(self._within) - self._within.index(id(value))}"
        outer, self.hint = self.hint, self.hint if hint is None else hint
        self._within.append(id(value))
        try:
            from .kinds import write

            return write(self, value, kind)
        finally:
            self._within.pop()
            self.hint = outer

    def all(self, values: Any) -> str:
        """The texts of several values, in their order."""
        return "[" + ",".join(map(self.text, values)) + "]"

    def unordered(self, values: Any) -> str:
        """The texts of several values, sorted."""
        return "{" + ",".join(sorted(map(self.text, values))) + "}"

    def pairs(self, items: Any) -> str:
        """The texts of keys and values, in their order."""
        told = (
            f"{self.text(key)}:{self.text(value, key if isinstance(key, str) else None)}"
            for key, value in items
        )
        return "{" + ",".join(told) + "}"

    def state(self, values: dict[str, Any]) -> str:
        """The texts of attributes, by their names; their order says nothing."""
        return self.pairs(sorted(values.items(), key=lambda item: str(item[0])))

    def path(self, value: str | PurePath) -> str:
        """An absolute path: from where its module lies, if `__file__` has made it."""
        folder = self._place()
        self.placed = self.placed or bool(folder)
        text = str(value) if not folder else "…/" + os.path.relpath(value, folder)
        return f"path({text!a})" if isinstance(value, PurePath) else ascii(text)

    def hidden(self, value: Any, quiet: bool = False) -> str:
        """The text of what counts by the expression that made it: its class, or nothing more."""
        self._hide(value, quiet)
        inner = None if quiet else inner_of(value)
        return "made" if inner is None else f"made({self.text(inner)})"
