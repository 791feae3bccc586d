"""Statements: those of a module that made the value of one of its names.

An object that has no text of its own counts by them: assignments to the name and into its value,
calls of its methods, the loops and conditions around these, a definition that decorators replaced.
"""

import ast
import linecache
import re
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from ...core.dataclasses import dataclass, field
from .listing import Listing, readings_of
from .project import Project
from .scope import PARTS, Import, root_of

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Statement:
    """One statement, or a part of one, and the globals in which its names are looked up."""

    node: ast.AST
    names: dict[str, Any] = field(compare=False)  # the globals of its module
    listing: Listing = field(compare=False)

    @property
    def line(self) -> str:
        """FILE:LINE, for people."""
        return f"{self.listing.file}:{getattr(self.node, 'lineno', 1)}"

    @property
    def defines(self) -> str:
        """The name of the function that it defines; "" for any other statement."""
        function = isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef)
        return self.node.name if function else ""  # type: ignore[attr-defined]  # just checked


@dataclass(frozen=True)
class ImportedName:
    """A name that an import statement brings from a package."""

    module: str
    name: str
    defines = ""


Made = Statement | ImportedName

_cells: dict[str, Listing] = {}  # the cells of notebooks, by their text


def statements_of(names: dict[str, Any], name: str, seen: tuple[int, ...] = ()) -> list[Made]:
    """The statements that made the value of a module's name, in order; empty if unknown."""
    found: list[Made] = []
    for listing in reversed(_listings(names)):
        body = listing.tree.body if listing.tree else []
        made: list[Made] = []
        nodes = _without_start(body, list(_making(body, (name, *_setters(body, name)))), name)
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                made += _imported(node, names, name, (*seen, id(names)))
            else:
                made.append(Statement(node, names, listing))
        found = made + found
        if any(_replaces(node, name) for node in nodes):
            break  # the values that earlier cells of a notebook made are gone
    return found


def _without_start(body: list[ast.stmt], nodes: list[ast.AST], name: str) -> list[ast.AST]:
    """The statements without those below a main guard that change the standard library.

    They prepare one start of the program, as in `os.environ["ROOT"] = sys.argv[1]`. Another program
    that loads the module, such as a service, does not run them.
    """
    imports = [one for one in nodes if isinstance(one, ast.Import | ast.ImportFrom)]
    modules = {one.module for node in imports for one in _imports(node) if one.bound == name}
    if not any(module.partition(".")[0] in sys.stdlib_module_names for module in modules):
        return nodes
    guards = [node for node in body if isinstance(node, ast.If) and _is_main_guard(node.test)]
    start = {id(inner) for guard in guards for inner in ast.walk(guard)}
    return [node for node in nodes if id(node) not in start]


def _is_main_guard(test: ast.expr) -> bool:
    return ast.unparse(test) in ("__name__ == '__main__'", "'__main__' == __name__")


def statements_in_other_modules(
    names: dict[str, Any], name: str, project: Project
) -> list[Statement]:
    """The statements by which other modules of the project assign a name of this module."""
    found: list[Statement] = []
    pattern = re.compile(rf"\.{re.escape(name)}\b[^=\n]*=[^=]")
    for module in list(sys.modules.values()):
        own = vars(module) if isinstance(module, ModuleType) else {}
        file = own.get("__file__")
        if own is names or not isinstance(file, str) or not project.file(file):
            continue
        if not pattern.search("".join(linecache.getlines(file))):
            continue
        for listing in readings_of(file, own)[-1:]:
            for node in ast.walk(listing.tree) if listing.tree else ():
                if any(_assigns(target, name, own, names) for target in _targets(node)):
                    found.append(Statement(node, own, listing))
    return found


def assigned_expressions(names: Any, name: str) -> list[ast.expr]:
    """The expressions that a module assigns to a name at its top level."""
    made = statements_of(names, name) if isinstance(names, dict) else []
    nodes = [one.node for one in made if isinstance(one, Statement)]
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        if any(_binds(target, name) for target in _targets(node))
    ]


def definition_around(names: dict[str, Any], qualname: str, file: str) -> Statement | None:
    """The outermost definition around a nested function, which may hold values of its locals."""
    outer, inner, _ = qualname.partition(".<locals>")
    first = outer.partition(".")[0]
    for listing in reversed(readings_of(file, names)) if inner else ():
        for node in listing.tree.body if listing.tree else ():
            if isinstance(node, _DEFINITIONS) and node.name == first:
                return Statement(node, names, listing)
    return None


def _listings(names: dict[str, Any]) -> list[Listing]:
    """The listing of a module's file; for a notebook, those of its cells."""
    file = names.get("__file__")
    if isinstance(file, str):
        return readings_of(file, names)[-1:]
    cells = names.get("In") if names.get("__name__") == "__main__" else None
    texts = [text for text in cells if isinstance(text, str)] if isinstance(cells, list) else []
    for text in texts:
        if text not in _cells:
            _cells[text] = Listing("<cell>", text.splitlines(keepends=True))
    return [_cells[text] for text in texts if _cells[text].tree]


# --- imports -------------------------------------------------------------------------------


def _imported(
    node: ast.Import | ast.ImportFrom, names: dict[str, Any], name: str, seen: tuple[int, ...]
) -> list[Made]:
    """The statements of the imported module that made a name; the import if it has no file."""
    for one in _imports(node):
        star = one.name == "*"
        if not star and one.bound != name:
            continue
        module = _absolute(one, names)
        home = sys.modules.get(module)
        source = name if star else one.name
        if isinstance(home, ModuleType) and source and id(vars(home)) not in seen:
            if star and source not in vars(home):
                continue
            if there := statements_of(vars(home), source, seen):
                return there
        if not star:
            return [ImportedName(module, one.name)]
    return []


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[Import]:
    """The names that an import statement binds."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield Import(alias.asname or alias.name, node.module or "", node.level, alias.name)
        else:
            name = alias.asname or alias.name.partition(".")[0]
            yield Import(name, alias.name if alias.asname else name, 0, "")


def _absolute(one: Import, names: dict[str, Any]) -> str:
    """The full name of the module that an import names."""
    import importlib.util

    if not one.level:
        return one.module
    try:
        package = names.get("__package__") or ""
        return importlib.util.resolve_name("." * one.level + one.module, package)
    except ImportError:
        return one.module


# --- what a statement does to a name -------------------------------------------------------


def _making(body: Iterable[ast.AST], names: tuple[str, ...]) -> Iterator[ast.AST]:
    """The statements at the top of a module that make a name, and the conditions around them."""
    for node in body:
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            if any(_makes(one, names) for one in ast.walk(node) if isinstance(one, ast.stmt)):
                yield node  # as a whole: its head says what its variables are
        elif isinstance(node, ast.If | ast.With | ast.AsyncWith | ast.Try | ast.Match):
            inner = [found for part in _bodies(node) for found in _making(part, names)]
            if inner or (isinstance(node, ast.With | ast.AsyncWith) and _makes(node, names)):
                yield from _heads(node)
            yield from inner
        elif _makes(node, names):
            yield node


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for part in PARTS:
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
    """Whether a statement binds the first of the names, assigns into it, or calls something of it.

    The other names are functions and classes that assign the first; calls of them count, too.
    """
    name = names[0]
    if isinstance(node, _DEFINITIONS):
        return node.name in names or any(root_of(one) == name for one in node.decorator_list)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return any(one.bound in (name, "*") for one in _imports(node))
    if any(_binds(target, name) for target in _targets(node)):
        return True
    return isinstance(node, ast.Expr | ast.Assign) and _touches(node.value, names)


def _replaces(node: ast.AST, name: str) -> bool:
    """Whether a statement gives a name another value, whatever the name stood for."""
    if isinstance(node, ast.Assign):
        return any(isinstance(one, ast.Name) and one.id == name for one in node.targets)
    return isinstance(node, _DEFINITIONS) and node.name == name


def _setters(body: list[ast.stmt], name: str) -> list[str]:
    """The functions and classes of a module that assign a global name, or fill its value."""
    return [
        one.name
        for one in body
        if isinstance(one, _DEFINITIONS) and any(_fills(inner, name) for inner in ast.walk(one))
    ]


def _fills(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Global):
        return name in node.names
    if any(_binds(one, name) for one in _targets(node) if not isinstance(one, ast.Name)):
        return True
    return isinstance(node, ast.Expr) and _touches(node.value, (name,))


def _assigns(target: ast.AST, name: str, own: dict[str, Any], names: dict[str, Any]) -> bool:
    """Whether a target is `module.name`, where the module has these names."""
    while isinstance(target, ast.Subscript | ast.Attribute):
        if isinstance(target, ast.Attribute) and target.attr == name:
            return any(
                isinstance(own.get(one.id), ModuleType) and vars(own[one.id]) is names
                for one in ast.walk(target.value)
                if isinstance(one, ast.Name)
            )
        target = target.value
    return False


def _targets(node: ast.AST) -> list[ast.expr]:
    """The targets that a statement assigns or deletes."""
    if isinstance(node, ast.Assign | ast.Delete):
        return node.targets
    if isinstance(node, ast.With | ast.AsyncWith):
        return [one.optional_vars for one in node.items if one.optional_vars]
    bare = isinstance(node, ast.AnnAssign) and node.value is None
    if isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.AsyncFor) and not bare:
        return [node.target]
    return []


def _touches(node: ast.expr, names: tuple[str, ...]) -> bool:
    """Whether a call may change the value of a name: a call of its method, or with it."""
    if not isinstance(node, ast.Call):
        return False
    given = [*node.args, *(one.value for one in node.keywords)]
    return root_of(node.func) in names or any(root_of(one) == names[0] for one in given)


def _binds(target: ast.AST, name: str) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return any(_binds(one, name) for one in target.elts)
    return root_of(target) == name
