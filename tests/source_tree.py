"""The sources as tests of the architecture see them: modules, imports, functions."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from project import PROJECT

PACKAGE = PROJECT / "pystore"
# `pystore/stages` is a link to `stages`.
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "stages" not in p.relative_to(PACKAGE).parts)
STAGES = sorted((PACKAGE / "stages").glob("*.py"))


@dataclass(frozen=True)
class Import:
    """One imported name: who imports it, and where it stands."""

    importer: Path
    name: str  # with its package: pystore.store.gc, numpy
    line: int
    within: bool  # a function
    reason: str  # the comment behind the import, or behind the one that it follows

    def __str__(self) -> str:
        return f"{shown(self.importer)}:{self.line} imports {self.name}"


def shown(path: Path) -> str:
    """The path below the package, as ids of tests show it."""
    return str(path.relative_to(PACKAGE))


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text())


@cache
def module_name(path: Path) -> str:
    """The name by which a file is imported."""
    parts = ["pystore", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> list[Import]:
    """All that a file imports, within its functions and for type checkers too."""
    lines = path.read_text().splitlines()
    found: list[Import] = []
    for node, within in _statements(parsed(path), False):
        _, _, comment = lines[node.lineno - 1].partition("#")
        reason = comment.replace("noqa: F401", "").strip(" #")
        before = found[-1] if found else None
        if not reason and before and before.line == node.lineno - 1:
            reason = before.reason
        found += [Import(path, n, node.lineno, within, reason) for n in _names(node, path)]
    return found


def circles() -> list[list[str]]:
    """The largest sets of modules in which each imports each other one, if only by others."""
    names = {module_name(path) for path in FILES + STAGES}
    needed = {
        module_name(path): {i.name for i in imports(path) if i.name in names}
        for path in FILES + STAGES
    }
    reached = {name: _reached(name, needed) for name in needed}
    found = {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in needed
        if name in reached[name]
    }
    return sorted(sorted(circle) for circle in found)


def positional(path: Path) -> dict[str, int]:
    """How many arguments each function takes by their place."""
    return {
        f"{shown(path)}:{node.lineno} {node.name}": len(
            [a for a in node.args.posonlyargs + node.args.args if a.arg not in ("self", "cls")]
        )
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _reached(start: str, needed: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        new = needed[ahead.pop()] - reached
        reached |= new
        ahead += new
    return reached


def _statements(node: ast.AST, within: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, within
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _statements(child, within or function)


def _names(node: ast.Import | ast.ImportFrom, path: Path) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    package = ["pystore", *path.relative_to(PACKAGE).parts[:-1]]
    base = package[: len(package) - node.level + 1] if node.level else []
    home = ".".join([*base, *([node.module] if node.module else [])])
    names = _module_names()
    return {inner if (inner := f"{home}.{alias.name}") in names else home for alias in node.names}


@cache
def _module_names() -> frozenset[str]:
    return frozenset(module_name(path) for path in FILES + STAGES)
