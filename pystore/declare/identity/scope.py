"""Scopes: which names a piece of code binds, imports or takes from outside."""

import ast
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# A function that calls one of these may see the names of its local variables; one that calls one of
# the others with no argument does.
READS_NAMES = frozenset({"eval", "exec"})
READS_OWN_NAMES = frozenset({"locals", "vars", "dir"})
COMPUTED = "import_module(…)"  # stands for a module whose name is computed

Chain = tuple[str, ...]
Uses = dict[Chain, None]  # the chains of names from outside, in the order of their use


class Read(NamedTuple):
    """What the code that is looked at reads of functions, beside calling them."""

    docstrings: bool = False
    annotations: bool = False
    source: bool = False  # the text itself, with its comments

    def __or__(self, other: object) -> "Read":
        return Read(*map(max, self, other)) if isinstance(other, Read) else NotImplemented


NOTHING = Read()


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
    kept: set[str] = field(default_factory=set)  # bound, and to be seen from outside
    names: list[tuple[int, str]] = field(default_factory=list)  # where each stands in the text
    seen: bool = False  # whether code inside may see the names of local variables


# Statements that hold no others, or others in a scope of their own.
_SIMPLE = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AugAssign}
_SIMPLE |= {ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom}


def declare(body: list[Any], scope: Scope) -> None:
    """Notes what the statements of a scope declare global or nonlocal, before they are walked."""
    for node in body:
        if isinstance(node, ast.Global):
            scope.outer.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            scope.nonlocal_.update(node.names)
        elif type(node) not in _SIMPLE:
            for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                inner = node.__dict__.get(name)
                if isinstance(inner, list):
                    declare(inner, scope)


def is_idle(node: ast.AST) -> bool:
    """Whether a statement does nothing: `pass`, a docstring, `x: int` outside of a class."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass)
