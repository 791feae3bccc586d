"""Scopes: which names a piece of code binds, imports or takes from outside."""

import ast
from dataclasses import dataclass, field
from typing import Any

Chain = tuple[str, ...]
Uses = dict[Chain, bool]  # a chain of names from outside, and whether the code assigns into it


@dataclass(frozen=True)
class Import:
    """What code imports by itself: `from ..module import name as bound`, `import module`."""

    bound: str
    module: str
    level: int
    name: str  # "" when the module itself is bound
    attributes: Chain = ()  # what is used of it


@dataclass
class Scope:
    """The names of one function, class, comprehension or module."""

    kind: str  # "module", "function", "class" or "comprehension"
    bound: dict[str, Import | None] = field(default_factory=dict)
    uses: Uses = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)  # declared global
    nonlocal_: set[str] = field(default_factory=set)

    def use(self, chain: Chain, assigned: bool = False) -> None:
        """Notes that code reads a chain of names, or assigns into it."""
        self.uses[chain] = self.uses.get(chain, False) or assigned


def declare(body: list[Any], scope: Scope) -> None:
    """Notes what the statements of a scope declare global or nonlocal, before they are walked."""
    for node in body:
        if isinstance(node, ast.Global):
            scope.outer.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            scope.nonlocal_.update(node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                inner = getattr(node, name, None)
                if isinstance(inner, list):
                    declare(inner, scope)
