"""Scopes: which names a piece of code binds, imports, or takes from outside."""

import ast
from collections import defaultdict
from typing import NamedTuple

from ...core.dataclasses import dataclass, replace

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
    subclasses: bool = False  # those that are there, though no name leads to them

    def __or__(self, other: object) -> "Read":
        if not isinstance(other, Read):
            return NotImplemented
        return self if self == other else Read(*map(max, self, other))


NOTHING = Read()


@dataclass(frozen=True)
class Import:
    """One name that an import binds: `from ..module import name as bound`, `import module`."""

    bound: str
    module: str
    level: int
    name: str  # "" when the module itself is bound
    attributes: Chain = ()  # the attributes of it that the code uses


class Scope:
    """The names of one function, class, comprehension or module."""

    def __init__(self, kind: str) -> None:
        self.kind = kind  # "module", "function", "class" or "comprehension"
        self.bound: dict[str, Import | None] = {}
        self.uses: Uses = {}
        self.outer: set[str] = set()  # declared global
        self.nonlocal_: set[str] = set()
        self.visible: set[str] = set()  # names bound here that callers can see
        self.names: dict[str, list[int]] = defaultdict(list)  # their places in the text
        self.seen = False  # whether code inside may see the names of local variables


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
        self.scopes[-1].names[name].append(len(self.out))
        self.out.append("$" + name)

    def called_import(self, name: ast.expr) -> None:
        """Notes a module that a call imports; a computed name cannot be known."""
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            bare = name.value.lstrip(".")
            level = len(name.value) - len(bare)
            self.imports[Import(f"import_module({name.value})", bare, level, "")] = None
        else:
            self.scopes[-1].uses[COMPUTED,] = None

    def taken_module(self, node: ast.Subscript) -> None:
        """Notes a module that is taken from those that are loaded: its own one as `globals()`."""
        if type(node.ctx) is not ast.Load:
            return
        if isinstance(node.slice, ast.Name) and node.slice.id == "__name__":
            self.scopes[-1].uses["globals",] = None
        else:
            self.called_import(node.slice)

    def close(self) -> None:
        """Leaves the present scope."""
        scope = self.scopes.pop()
        top, around, bound = self.scopes[0], self._around(scope.kind), scope.bound
        self._number_names(scope, around)
        for chain in scope.uses:
            root = chain[0]
            if root not in bound:
                (top if root in scope.outer else around).uses[chain] = None
            elif (source := bound[root]) is not None:
                self.imports[replace(source, attributes=chain[1:])] = None
            elif scope.kind == "class":  # `rate = rate`: the second may be the outer one
                around.uses[chain] = None

    def _number_names(self, scope: Scope, around: Scope) -> None:
        """Replaces each name that only the code of this scope can see by a number."""
        depth, number = len(self.scopes), 0
        reads = scope.seen or any(one in scope.uses for one in _READS_NAMES)
        seen = reads or scope.kind == "class"
        around.seen = around.seen or reads
        for name, places in scope.names.items():
            if name not in scope.bound:
                (self.scopes[0] if name in scope.outer else around).names[name] += places
            elif not (seen or name in scope.visible):
                self.rewrite(places, f"%{depth}.{number}")
                number += 1

    def rewrite(self, places: list[int], text: str) -> None:
        """Puts another text to places of the text."""
        for place in places:
            self.out[place] = text

    def _around(self, kind: str) -> Scope:
        """The scope in which a scope of this kind looks up names that it does not bind."""
        place = len(self.scopes) - 1
        while place and self.scopes[place].kind == "class":
            if kind == "comprehension":
                break  # what a comprehension of a class body reads may be the body's
            place -= 1
        return self.scopes[place]


PARTS = ("body", "orelse", "finalbody", "handlers", "cases")  # fields that hold statements


def root_of(node: ast.AST) -> str | None:
    """The name with which a chain of attributes, items and calls begins; None if it has none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None
