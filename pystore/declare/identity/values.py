"""Values: the text of a value; equal values have one text, in every process.

The table in `kinds.py` says what the text of each kind of value consists of. Sets are sorted by
text, since their order follows the hash seed; dicts keep their order, since code may read it.
"""

import os
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from .functions import inner_of
from .project import Project

Table = Callable[["Writer", Any, type], str]  # writes one value of a kind
Meet = Callable[[Any, str], str]  # returns the name of the text of a function, class or module
Hide = Callable[[Any, bool], None]  # gets each object that counts by its expression
Folder = Callable[[], str]  # the folder of a module whose expression uses `__file__`; else ""

_LITERAL = frozenset(
    {bool, float, complex, str, bytes, type(None), type(...), type(NotImplemented)}
)


def literal_text(value: Any) -> str | None:
    """The text of a plain value; None for any other value."""
    kind = type(value)
    if kind is int:
        return hex(value) if abs(value) >> 64 else ascii(value)
    return ascii(value) if kind in _LITERAL else None


class Writer:
    """Writes the text of one value, and of all that it holds."""

    def __init__(
        self, project: Project, table: Table, hint: str, *, meet: Meet, hide: Hide, folder: Folder
    ) -> None:
        self.project = project
        self.hint = hint  # the name under which the present value was found
        self.meet = meet
        self._table = table
        self._hide = hide
        self._folder = folder
        self.from_file = False  # whether a path was written that comes from `__file__`
        self._within: list[int] = []  # ids of the containers around: a value may contain itself

    def text(self, value: Any, hint: str | None = None) -> str:
        """The text of a value that was found under the name `hint`."""
        kind = type(value)
        plain = literal_text(value)
        if plain is not None and not (kind is str and os.path.isabs(value)):
            return plain
        if id(value) in self._within:
            return f"^{len(self._within) - self._within.index(id(value))}"
        outer, self.hint = self.hint, self.hint if hint is None else hint
        self._within.append(id(value))
        try:
            return self._table(self, value, kind)
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
        texts = (
            f"{self.text(key)}:{self.text(value, key if isinstance(key, str) else None)}"
            for key, value in items
        )
        return "{" + ",".join(texts) + "}"

    def state(self, values: dict[str, Any]) -> str:
        """The texts of attributes, sorted by name."""
        return self.pairs(sorted(values.items(), key=lambda item: str(item[0])))

    def path(self, value: str | PurePath) -> str:
        """The text of an absolute path; relative to its module if it comes from `__file__`."""
        folder = self._folder()
        self.from_file = self.from_file or bool(folder)
        text = str(value) if not folder else "…/" + os.path.relpath(value, folder)
        return f"path({text!a})" if isinstance(value, PurePath) else ascii(text)

    def hidden(self, value: Any, quiet: bool = False) -> str:
        """The text of an object that counts by the expression that made it."""
        self._hide(value, quiet)
        inner = None if quiet else inner_of(value)
        return "made" if inner is None else f"made({self.text(inner)})"
