"""Making: the statements of a module that made what a name stands for.

An object that has no text of its own counts by them: an assignment to the name, what is assigned
into it, the calls of its methods, the loops and conditions around these, the definition that its
decorators have replaced.
"""

import ast
import linecache
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from .listing import Listing, readings_of
from .project import Project
from .scope import Import


@dataclass(frozen=True)
class Making:
    """One statement, or a part of one, and the module in whose names it is read."""

    node: ast.AST
    names: dict[str, Any] = field(compare=False)  # the global names of its module
    listing: Listing = field(compare=False)

    @property
    def line(self) -> str:
        """Where it stands, for people."""
        return f"{self.listing.file}:{getattr(self.node, 'lineno', 1)}"


@dataclass(frozen=True)
class Brought:
    """A name that an import statement of a module brings from a package."""

    module: str
    name: str


_cells: dict[str, Listing] = {}  # the cells of notebooks, by their text


def makings(names: dict[str, Any], name: str, seen: tuple[int, ...] = ()) -> list[Making | Brought]:
    """What made the value of a module's name, statement by statement; none if that is unknown."""
    found: list[Making | Brought] = []
    for listing in reversed(_listings(names)):
        body = listing.tree.body if listing.tree else []
        told: list[Making | Brought] = []
        nodes = list(_statements(body, (name, *_setters(body, name))))
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                told += _imported(node, names, name, (*seen, id(names)))
            else:
                told.append(Making(node, names, listing))
        found = told + found
        if any(_replaces(node, name) for node in nodes):
            break  # what earlier cells of a notebook made is gone
    return found


def _replaces(node: ast.AST, name: str) -> bool:
    """Whether a statement gives a name another value, whatever it had."""
    if isinstance(node, ast.Assign):
        return any(isinstance(one, ast.Name) and one.id == name for one in node.targets)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return isinstance(node, kinds) and node.name == name


def makings_elsewhere(names: dict[str, Any], name: str, project: Project) -> list[Making]:
    """The statements of other modules of the project that assign a name of this one."""
    found: list[Making] = []
    pattern = re.compile(rf"\.{re.escape(name)}\b[^=\n]*=[^=]")
    for module in list(sys.modules.values()):
        own = vars(module) if isinstance(module, ModuleType) else {}
        file = own.get("__file__")
        if own is names or not isinstance(file, str) or not project.file(file):
            continue
        for listing in readings_of(file, own)[-1:] if pattern.search(_text(file)) else ():
            for node in ast.walk(listing.tree) if listing.tree else ():
                if any(_assigns(target, name, own, names) for target in _targets(node)):
                    found.append(Making(node, own, listing))
    return found


def _text(file: str) -> str:
    return "".join(linecache.getlines(file))


def _assigns(target: ast.AST, name: str, own: dict[str, Any], names: dict[str, Any]) -> bool:
    """Whether a target is `module.name`, with the module of these names."""
    while isinstance(target, ast.Subscript | ast.Attribute):
        if isinstance(target, ast.Attribute) and target.attr == name:
            return any(
                isinstance(own.get(one.id), ModuleType) and vars(own[one.id]) is names
                for one in ast.walk(target.value)
                if isinstance(one, ast.Name)
            )
        target = target.value
    return False


def definition_of(names: dict[str, Any], name: str) -> Making | None:
    """The definition of a function or class under a module's name, if that is what made it."""
    made = [one for one in makings(names, name) if isinstance(one, Making)]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    last = made[-1] if made else None
    return last if last and isinstance(last.node, kinds) and last.node.name == name else None


def assigned_expressions(names: Any, name: str) -> list[ast.expr]:
    """The expressions that a module assigns to a name at its top."""
    found = []
    for making in makings(names, name) if isinstance(names, dict) else []:
        node = making.node if isinstance(making, Making) else None
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if node is not None and value is not None:
            found += [value] if any(_binds(one, name) for one in _targets(node)) else []
    return found


def _listings(names: dict[str, Any]) -> list[Listing]:
    """The file of a module; of a notebook, its cells."""
    file = names.get("__file__")
    if isinstance(file, str):
        return readings_of(file, names)[-1:]
    cells = names.get("In") if names.get("__name__") == "__main__" else None
    if not isinstance(cells, list):
        return []
    for text in cells:
        if isinstance(text, str) and text not in _cells:
            _cells[text] = Listing("<cell>", text.splitlines(keepends=True))
    return [_cells[text] for text in cells if isinstance(text, str) and _cells[text].tree]


def _imported(
    node: ast.Import | ast.ImportFrom, names: dict[str, Any], name: str, seen: tuple[int, ...]
) -> list[Making | Brought]:
    """What made a name where it comes from: there, if that is a module with a file."""
    for one in imports_of(node):
        star = one.name == "*"
        if not star and one.bound != name:
            continue
        module = _resolved(one, names)
        home = sys.modules.get(module)
        source = name if star else one.name
        if isinstance(home, ModuleType) and source and id(vars(home)) not in seen:
            if star and source not in vars(home):
                continue
            there = makings(vars(home), source, seen)
            if there:
                return there
        if not star:
            return [Brought(module, one.name)]
    return []


def imports_of(node: ast.Import | ast.ImportFrom) -> Iterator[Import]:
    """What an import statement binds."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield Import(alias.asname or alias.name, node.module or "", node.level, alias.name)
        else:
            name = alias.asname or alias.name.partition(".")[0]
            yield Import(name, alias.name if alias.asname else name, 0, "")


def _resolved(one: Import, names: dict[str, Any]) -> str:
    import importlib.util

    if not one.level:
        return one.module
    try:
        return importlib.util.resolve_name(
            "." * one.level + one.module, names.get("__package__") or ""
        )
    except ImportError:
        return one.module


def _setters(body: list[ast.stmt], name: str) -> list[str]:
    """The functions and classes of a module in which a name is assigned or filled."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [
        one.name
        for one in body
        if isinstance(one, kinds) and any(_fills(inner, name) for inner in ast.walk(one))
    ]


def _fills(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Global):
        return name in node.names
    into = [one for one in _targets(node) if not isinstance(one, ast.Name)]
    if any(_binds(one, name) for one in into):
        return True
    return isinstance(node, ast.Expr) and _touches(node.value, (name,))


def _statements(body: Any, names: tuple[str, ...]) -> Iterator[ast.AST]:
    """The statements at the top of a module that make a name, with the conditions around them."""
    for node in body:
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            if any(_makes(one, names) for one in ast.walk(node) if isinstance(one, ast.stmt)):
                yield node  # as a whole: what its variables are is in its head
        elif isinstance(node, ast.If | ast.With | ast.AsyncWith | ast.Try | ast.Match):
            inner = [found for part in _bodies(node) for found in _statements(part, names)]
            if inner or (isinstance(node, ast.With | ast.AsyncWith) and _makes(node, names)):
                yield from _heads(node)
            yield from inner
        elif _makes(node, names):
            yield node


def _bodies(node: ast.AST) -> Iterator[list[Any]]:
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(node, part, None) or []
        for one in inner:
            if isinstance(one, ast.ExceptHandler | ast.match_case):
                yield one.body
        yield [one for one in inner if isinstance(one, ast.stmt)]


def _heads(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If):
        yield node.test
    elif isinstance(node, ast.Match):
        yield node.subject
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            yield item.context_expr


def _makes(node: ast.AST, names: tuple[str, ...]) -> bool:
    """Whether a statement binds a name, assigns into it, or calls something of it.

    The first name is the one that is asked for; a call of the others assigns it.
    """
    name = names[0]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name in names or any(root_of(one) == name for one in node.decorator_list)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return any(one.bound in (name, "*") for one in imports_of(node))
    if any(_binds(target, name) for target in _targets(node)):
        return True
    return isinstance(node, ast.Expr | ast.Assign) and _touches(node.value, names)


def _targets(node: ast.AST) -> list[ast.expr]:
    """What a statement assigns or deletes."""
    if isinstance(node, ast.Assign | ast.Delete):
        return node.targets
    if isinstance(node, ast.With | ast.AsyncWith):
        return [one.optional_vars for one in node.items if one.optional_vars]
    bare = isinstance(node, ast.AnnAssign) and node.value is None
    if isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.AsyncFor) and not bare:
        return [node.target]
    return []


def _touches(node: ast.expr, names: tuple[str, ...]) -> bool:
    """Whether a call may change what a name stands for: as its object, or as an argument."""
    if not isinstance(node, ast.Call):
        return False
    given = [*node.args, *(one.value for one in node.keywords)]
    return root_of(node.func) in names or any(root_of(one) == names[0] for one in given)


def _binds(target: ast.AST, name: str) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return any(_binds(one, name) for one in target.elts)
    return root_of(target) == name


def root_of(node: ast.AST) -> str | None:
    """The name with which a chain of attributes, items and calls begins."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def enclosing(names: dict[str, Any], qualname: str, file: str) -> Making | None:
    """The outermost function around a nested one, whose local names the nested one may hold."""
    outer, inner, _ = qualname.partition(".<locals>")
    for listing in reversed(readings_of(file, names)) if inner else ():
        first = outer.partition(".")[0]
        for node in listing.tree.body if listing.tree else ():
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if named and getattr(node, "name", "") == first:
                return Making(node, names, listing)
    return None
