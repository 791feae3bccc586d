"""Origin: where a thing was found, and so by which statements it was made."""

import ast
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .making import Brought, Making, assigned_expression, makings
from .normal import normal


@dataclass(eq=False)
class Origin:
    """A name in a module, through which something was reached, and code further in."""

    names: dict[str, Any]  # the global names of the module
    name: str  # of the value in them; "" where none is known
    inner: tuple[Making, ...] = ()  # functions and classes around what was found
    outer: "Origin | None" = None  # how these were reached
    _made: list[Making | Brought] | None = field(default=None, init=False)

    def makings(self) -> list[Making | Brought]:
        """The statements that made it; none if they are unknown."""
        if self._made is None:
            own = makings(self.names, self.name) if self.name else []
            self._made = [*own, *self.inner, *(self.outer.makings() if self.outer else ())]
        return self._made

    @property
    def line(self) -> str:
        """Where it was made, for people: FILE:LINE, or ""."""
        return next((one.line for one in self.makings() if isinstance(one, Making)), "")

    @cached_property
    def folder(self) -> str:
        """The folder of the module, if one of the statements says `__file__`; "" otherwise."""
        file = self.names.get("__file__")
        made = [one for one in self.makings() if isinstance(one, Making)]
        told = any(says_file(one.node, one.names) for one in made)
        return str(Path(file).resolve().parent) if told and isinstance(file, str) else ""

    @property
    def assigned_into(self) -> bool:
        """Whether a statement of the module assigns an attribute of what the name stands for."""
        made = [one.node for one in self.makings() if isinstance(one, Making)]
        return any(isinstance(one, ast.Assign | ast.AugAssign | ast.AnnAssign) for one in made)

    def within(self, *around: Making | None) -> "Origin":
        """What is found inside of functions or classes that were reached here."""
        return Origin(self.names, "", tuple(one for one in around if one is not None), self)


def says_file(node: Any, names: dict[str, Any], depth: int = 0) -> bool:
    """Whether a value comes from `__file__`, perhaps by way of other names of the module."""
    for chain in normal(node).uses:
        if chain[0] == "__file__":
            return True
        inner = assigned_expression(names, chain[0]) if depth < 9 else None
        if inner is not None and inner is not node and says_file(inner, names, depth + 1):
            return True
    return False
