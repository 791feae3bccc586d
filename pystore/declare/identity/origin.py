"""Origin: how a thing was reached, and so which statements made it."""

import ast
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from ...core.dataclasses import dataclass, field
from .normal import normal
from .statements import Made, Statement, assigned_expressions, statements_of


@dataclass(eq=False)
class Origin:
    """A name in a module, through which a thing was reached, and the code further in."""

    names: dict[str, Any]  # the globals of the module
    name: str  # a name in them; "" where none is known
    # The functions and classes around the thing, and what is in them: few things need them.
    inner: Callable[[], tuple[Statement, ...]] = tuple
    outer: "Origin | None" = None  # how these were reached
    _made: list[Made] | None = field(default=None, init=False)

    def statements(self) -> list[Made]:
        """The statements that made the thing; none if they are unknown."""
        if self._made is None:
            own = statements_of(self.names, self.name) if self.name else []
            self._made = [*own, *self.inner(), *(self.outer.statements() if self.outer else ())]
        return self._made

    def _of_files(self) -> list[Statement]:
        return [one for one in self.statements() if isinstance(one, Statement)]

    @property
    def line(self) -> str:
        """Where the thing was made, for people: FILE:LINE, or ""."""
        return next((one.line for one in self._of_files()), "")

    @cached_property
    def folder(self) -> str:
        """The folder of the module, if one of the statements uses `__file__`; "" otherwise."""
        file = self.names.get("__file__")
        uses_it = any(uses_file(one.node, one.names) for one in self._of_files())
        return str(Path(file).resolve().parent) if uses_it and isinstance(file, str) else ""

    def assigns(self, attribute: str) -> bool:
        """Whether a statement of the module assigns this attribute of the name's value."""
        assigned = (ast.Assign, ast.AugAssign, ast.AnnAssign)
        return any(
            isinstance(inner, ast.Attribute) and inner.attr == attribute
            for node in [one.node for one in self._of_files()]
            if isinstance(node, assigned)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            for inner in ast.walk(target)
        )


def uses_file(node: Any, names: dict[str, Any], seen: frozenset[str] = frozenset()) -> bool:
    """Whether an expression uses `__file__`, perhaps through other names of the module."""
    for chain in normal(node).uses:
        if chain[0] == "__file__":
            return True
        if chain[0] not in seen and any(
            uses_file(one, names, seen | {chain[0]})
            for one in assigned_expressions(names, chain[0])
        ):
            return True
    return False
