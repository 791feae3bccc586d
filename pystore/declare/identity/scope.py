"""Scopes: which names a piece of code binds, imports, or takes from outside."""

import ast
from typing import Any, NamedTuple

from ...core.dataclasses import dataclass, field, replace

# A function that calls one of these may see the names of its local variables; one that calls one of
# the others with no argument does.
_READS_NAMES = frozenset({("eval",), ("exec",)})
READS_OWN_NAMES = frozenset({"locals", "vars", "dir"})
COMPUTED = "import_module(…)"  # stands for a module whose name is computed

Chain = tuple[str, ...]  # `helpers.rates.low` is ("helpers", "rates", "low")
Uses = dict[Chain, None]  # the chains of names from outside, in the order of their use


class Read(NamedTuple):
    """The things that code reads of the functions and classes that it uses."""

    docstrings: bool = False
    annotations: bool = False
    source: bool = False  # the text itself, with its comments

    def __or__(self, other: object) -> "Read":
        return Read(*map(max, self, other)) if isinstance(other, Read) else NotImplemented


NOTHING = Read()


@dataclass(frozen=True)
class Import:
    """One name that an import binds: `from ..module import name as bound`, `import module`."""

    bound: str
    module: str
    level: int
    name: str  # "" when the module itself is bound
    attributes: Chain = ()  # the attributes of it that the code uses


@dataclass
class Scope:
    """The names of one function, class, comprehension or module."""

    kind: str  # "module", "function", "class" or "comprehension"
    bound: dict[str, Import | None] = field(default_factory=dict)
    uses: Uses = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)  # declared global
    nonlocal_: set[str] = field(default_factory=set)
    visible: set[str] = field(default_factory=set)  # names bound here that callers can see
    names: list[tuple[int, str]] = field(default_factory=list)  # (place in the text, name)
    seen: bool = False  # whether code inside may see the names of local variables


class Scopes:
    """A text that is being written, and the scopes around its present end.

    When a scope is left, each name that it does not bind moves to the scope around it.
    """

    def __init__(self) -> None:
        self.out: list[str] = []
        self.scopes = [Scope("module")]
        self.imports: dict[Import, None] = {}

    def bind(self, name: str, import_: Import | None = None) -> None:
        """Binds a name in the present scope."""
        scope = self.scopes[-1]
        if name in scope.outer or name in scope.nonlocal_:
            scope.uses[name,] = None
        elif import_ is not None or name not in scope.bound:
            scope.bound[name] = import_

    def bind_visible(self, name: str, import_: Import | None = None) -> None:
        """Binds a name that can be seen from outside: of a parameter, function, class, import."""
        self.bind(name, import_)
        self.scopes[-1].visible.add(name)

    def write_name(self, name: str) -> None:
        """Writes a name, which becomes a number when the scope that binds it is left."""
        self.scopes[-1].names.append((len(self.out), name))
        self.out.append("$" + name)

    def close(self) -> None:
        """Leaves the present scope."""
        scope = self.scopes.pop()
        self._number_names(scope)
        bound, outward = scope.bound, self._around(scope.kind).uses
        for chain in scope.uses:
            root = chain[0]
            if root in scope.outer:
                self.scopes[0].uses[chain] = None
            elif root not in bound or root in scope.nonlocal_:
                outward[chain] = None
            elif (source := bound[root]) is not None:
                self.imports[replace(source, attributes=chain[1:])] = None
            elif scope.kind == "class":  # `rate = rate`: the second may be the outer one
                self._around("class").uses[chain] = None

    def _number_names(self, scope: Scope) -> None:
        """Replaces each name that only the code of this scope can see by a number."""
        depth, numbers = len(self.scopes), dict[str, int]()
        reads = scope.seen or not _READS_NAMES.isdisjoint(scope.uses)
        seen = reads or scope.kind == "class"
        around = self._around(scope.kind)
        around.seen = around.seen or reads
        for place, name in scope.names:
            if name in scope.outer:
                self.scopes[0].names.append((place, name))
            elif name not in scope.bound or name in scope.nonlocal_:
                around.names.append((place, name))
            elif not (seen or name in scope.visible):
                number = numbers.setdefault(name, len(numbers))
                self.out[place] = f"%{depth}.{number}"

    def _around(self, kind: str) -> Scope:
        """The scope in which a scope of this kind looks up names that it does not bind."""
        place = len(self.scopes) - 1
        while place and self.scopes[place].kind == "class":
            if kind == "comprehension":
                break  # what a comprehension of a class body reads may be the body's
            place -= 1
        return self.scopes[place]


# Statements that hold no others, or others in a scope of their own.
_SIMPLE = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AugAssign}
_SIMPLE |= {ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom}
PARTS = ("body", "orelse", "finalbody", "handlers", "cases")  # fields that hold statements


def declare(body: list[Any], scope: Scope) -> None:
    """Notes the names that a scope declares global or nonlocal, before the scope is walked."""
    for node in body:
        if isinstance(node, ast.Global):
            scope.outer.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            scope.nonlocal_.update(node.names)
        elif type(node) not in _SIMPLE:
            for name in PARTS:
                inner = node.__dict__.get(name)
                if isinstance(inner, list):
                    declare(inner, scope)


def is_idle(node: Any) -> bool:
    """Whether a statement does nothing: `pass`, a docstring, `x: int` outside of a class."""
    kind = type(node)
    return kind is ast.Pass or (kind is ast.Expr and type(node.value) is ast.Constant)


def root_of(node: ast.AST) -> str | None:
    """The name with which a chain of attributes, items and calls begins; None if it has none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None
