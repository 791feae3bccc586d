"""Listings: the source of what is loaded, found by line, each file parsed once.

L1  The text that is returned is that of the loaded code. A file edited since is not mistaken for
    it: an earlier reading that fits is used, else BadStage is raised.
L2  Reading is by `linecache`, so notebook cells and doctests have listings too.
"""

import ast
import importlib.util
import inspect
import linecache
import os
import struct
import sys
import textwrap
import time
from collections.abc import Iterator
from functools import cached_property
from types import CodeType
from typing import Any

from ...model.errors import BadStage
from .normal import Normal, normal

_STARTED = time.time()
_known: dict[str, list["Listing"]] = {}  # the readings of each file, the latest last
_fresh: set[str] = set()  # the files that were looked at since the last `refresh`

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Listing:
    """One reading of a file, by line, by qualified name and by assigned name."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.lines = lines
        self.functions: dict[tuple[int, str], Definition] = {}
        self.classes: dict[str, list[ast.ClassDef]] = {}
        self.assigned: dict[str, ast.expr] = {}
        self._normal: dict[tuple[int, bool], tuple[ast.AST, Normal]] = {}
        self._codes: dict[tuple[int, str], list[CodeType]] | None = None
        self.tree = _parse("".join(lines))
        if self.tree is not None:
            self._index(self.tree.body, "", top=True)

    def _index(self, body: list[Any], prefix: str, top: bool) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions[_first_line(node), node.name] = node
                self._index(node.body, f"{prefix}{node.name}.<locals>.", False)
            elif isinstance(node, ast.ClassDef):
                self.classes.setdefault(prefix + node.name, []).append(node)
                self._index(node.body, f"{prefix}{node.name}.", False)
            else:
                if top:
                    self._assignment(node)
                for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                    inner = getattr(node, name, None)
                    if isinstance(inner, list):
                        self._index(inner, prefix, top)

    def _assignment(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        self.assigned[name.id] = node.value
        elif isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            self.assigned[node.target.id] = node.value

    def normal(self, node: ast.AST, *, defaults: bool = True) -> Normal:
        """The normal form of one of its nodes."""
        key = (id(node), defaults)
        if key not in self._normal:
            # The node is kept with its form: the id of one that is gone may be given again.
            self._normal[key] = node, normal(node, defaults=defaults)
        return self._normal[key][1]

    def definition(self, code: CodeType) -> Definition | None:
        """The definition that was compiled to this code, if it still is in the file."""
        if self.tree is None:
            return self._block(code)
        if code.co_name == "<lambda>":
            found: Definition | None = self._lambda(code)
        else:
            found = self.functions.get((code.co_firstlineno, code.co_name))
        return found if found is not None and self._fits(code) else None

    @cached_property
    def stale(self) -> str:
        """The compiled file that Python runs in place of what stands here; "" for none."""
        return _stale(self.file)

    def _block(self, code: CodeType) -> Definition | None:
        """The definition at the code's line, in a file that is not all Python, as a page is."""
        lines = self.lines[code.co_firstlineno - 1 :]
        tree = _parse(textwrap.dedent("".join(inspect.getblock(lines)))) if lines else None
        for node in ast.walk(tree) if tree else ():
            named = getattr(node, "name", "<lambda>") == code.co_name
            if isinstance(node, Definition) and named:
                return node
        return None

    def _lambda(self, code: CodeType) -> ast.Lambda | None:
        spans = {(a, c, b, d) for a, b, c, d in code.co_positions()}
        assert self.tree is not None
        for statement in self.tree.body:
            if not statement.lineno <= code.co_firstlineno <= (statement.end_lineno or 0):
                continue
            for node in ast.walk(statement):
                if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
                    body = node.body
                    span = (body.lineno, body.col_offset, body.end_lineno, body.end_col_offset)
                    if span in spans:
                        return node
        return None

    def _fits(self, code: CodeType) -> bool:
        """Whether the text is that of the code (L1). Compiles only what may be otherwise."""
        if not (_edited_lately(self.file) or self.stale):
            return True
        if self._codes is None:
            self._codes = {}
            assert self.tree is not None
            for one in _nested(compile("".join(self.lines), self.file, "exec", dont_inherit=True)):
                self._codes.setdefault((one.co_firstlineno, one.co_name), []).append(one)
        loaded = _shape(code)
        return any(
            _shape(one) == loaded
            for one in self._codes.get((code.co_firstlineno, code.co_name), ())
        )


def refresh() -> None:
    """Has every file looked at anew: once a survey is often enough."""
    _fresh.clear()


def listing_of(code: CodeType, names: dict[str, Any]) -> tuple[Listing, Definition] | None:
    """The listing that holds a function, and its definition there; None when it has no source.

    Raises BadStage when the file was edited after the code was loaded.
    """
    readings = _readings(code.co_filename, names)
    for listing in reversed(readings):
        definition = listing.definition(code)
        if definition is not None:
            return listing, definition
    stale = _stale(code.co_filename)
    if "@py_builtins" in names or not (stale or _edited_lately(code.co_filename)):
        return _rewritten(readings, code)
    raise BadStage(
        f"the source of {code.co_qualname} was edited after it was "
        + ("compiled" if stale else "loaded"),
        file=code.co_filename,
        line=code.co_firstlineno,
        remedy=f"remove {stale}, which Python runs in place of the source"
        if stale
        else "start Python anew, or reload the module",
    )


def _rewritten(readings: list[Listing], code: CodeType) -> tuple[Listing, Definition] | None:
    """As pytest loads tests: compiled from another tree than the file's, at the same lines."""
    for listing in reversed(readings):
        found = listing.functions.get((code.co_firstlineno, code.co_name))
        if found is not None:
            return listing, found
    return None


def class_listing(kind: type, codes: list[CodeType]) -> tuple[Listing, ast.ClassDef] | None:
    """The listing that holds a class with these methods, and its definition there."""
    home = sys.modules.get(kind.__module__)
    files = [code.co_filename for code in codes] or [getattr(home, "__file__", None) or ""]
    lines = [code.co_firstlineno for code in codes]
    for listing in reversed(_readings(files[0], vars(home) if home else None)):
        for node in reversed(listing.classes.get(kind.__qualname__, [])):
            if all(node.lineno <= line <= (node.end_lineno or 0) for line in lines) and all(
                listing.definition(code) is not None for code in codes
            ):
                if not codes and _edited_lately(listing.file) and not _agrees(kind, node):
                    continue
                return listing, node
    return None


def _edited_lately(file: str) -> bool:
    """Whether a file may be newer than what was loaded from it. A cell's text never changes."""
    try:
        return os.stat(file).st_mtime >= _STARTED - 2
    except OSError:
        return False


def _stale(file: str) -> str:
    """The compiled file that Python takes, though the source was edited after it; "" for none.

    It goes by size and by seconds, and so misses an edit within the second of the one before.
    """
    compiled = importlib.util.cache_from_source(file)
    try:
        source, made = os.stat(file), os.stat(compiled)
        with open(compiled, "rb") as read:  # noqa: PTH123
            head = read.read(16)
    except OSError:
        return ""
    taken = struct.pack("<II", int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
    changed = max(source.st_mtime_ns, source.st_ctime_ns)
    return compiled if head[8:] == taken and changed > made.st_mtime_ns else ""


def _agrees(kind: type, node: ast.ClassDef) -> bool:
    """Whether a class without methods has the literal values of this text."""
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign | ast.Assign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            value = vars(kind).get(getattr(targets[0], "id", ""))
            plain = isinstance(value, bool | int | float | str | bytes)
            known = plain and literal(statement.value)
            if known and value != ast.literal_eval(statement.value):
                return False
    return True


def readings_of(file: str) -> list[Listing]:
    """The readings of a file, the latest last."""
    return _readings(file, None)


def assigned_expression(owner: Any, name: str) -> ast.expr | None:
    """The expression that a module assigns to a name at its top."""
    file = owner.get("__file__") if isinstance(owner, dict) else None
    readings = readings_of(file) if isinstance(file, str) else []
    return readings[-1].assigned.get(name) if readings else None


def of_place(expression: ast.expr, owner: Any, depth: int = 0) -> bool:
    """Whether a value comes from `__file__`, perhaps by way of other names of the module."""
    for chain in normal(expression).uses:
        if chain[0] == "__file__":
            return True
        inner = assigned_expression(owner, chain[0]) if depth < 9 else None
        if inner is not None and of_place(inner, owner, depth + 1):
            return True
    return False


def literal(node: ast.AST) -> bool:
    """Whether an expression is made of constants and displays only, as `None` or `{"a": [1]}`."""
    allowed = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp, ast.unaryop)
    return all(isinstance(one, (*allowed, ast.expr_context)) for one in ast.walk(node))


def _readings(file: str, names: dict[str, Any] | None) -> list[Listing]:
    if file in _fresh:
        return _known[file]
    _fresh.add(file)
    linecache.checkcache(file)
    lines = linecache.getlines(file, names)
    known = _known.setdefault(file, [])
    if lines and not (known and (known[-1].lines is lines or known[-1].lines == lines)):
        known.append(Listing(file, lines))
    return known


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _nested(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _nested(one)


def _shape(code: CodeType) -> tuple[Any, ...]:
    """What two compilations of one text have in common, wherever the file is."""
    constants = tuple(
        _shape(one) if isinstance(one, CodeType) else (type(one), one) for one in code.co_consts
    )
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants
