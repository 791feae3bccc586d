"""Origin: where a thing was found, and so by which statements it was made."""

import ast
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .making import Brought, Making, assigned_expressions, makings
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

    def assigns(self, attribute: str) -> bool:
        """Whether a statement of the module assigns this attribute of what the name stands for."""
        made = [one.node for one in self.makings() if isinstance(one, Making)]
        assigned = (ast.Assign, ast.AugAssign, ast.AnnAssign)
        return any(
            isinstance(inner, ast.Attribute) and inner.attr == attribute
            for one in made
            if isinstance(one, assigned)
            for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
            for inner in ast.walk(target)
        )

    def within(self, name: str, *around: Making | None) -> "Origin":
        """What is found inside of a function or class of this name, which was reached here."""
        return Origin(self.names, name, tuple(one for one in around if one is not None), self)


def says_file(node: Any, names: dict[str, Any], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a value comes from `__file__`, perhaps by way of other names of the module."""
    for chain in normal(node).uses:
        if chain[0] == "__file__":
            return True
        if chain[0] not in seen and any(
            says_file(one, names, seen | {chain[0]})
            for one in assigned_expressions(names, chain[0])
        ):
            return True
    return False
