"""Listings: the source of loaded functions and classes, found by line; each file is parsed once.

LI1  A definition is that of the loaded code. If the file was edited since, an earlier reading of it
    that fits is used; if there is none, BadStage is raised.
LI2  Files are read by `linecache`, so notebook cells and doctests have listings, too.
LI3  Threads that ask at once are told the same.
"""

import ast
import atexit
import dis
import inspect
import linecache
import os
import sys
import textwrap
from collections.abc import Container
from functools import cached_property
from types import CodeType
from typing import Any, NamedTuple

from ...core.errors import BadStage
from .compiled import Compiled, compiled, counterpart, is_made_of_text
from .kept_forms import FormKey, Kept, Key, Place, Unparsed, form_key, place_of
from .normal import Normal, normal
from .parsing import parsed
from .scope import NOTHING, PARTS, Read, root_of

_known: dict[str, list["Listing"]] = {}  # the readings of each file, the latest last
_fresh: set[str] = set()  # the files that were looked at since the last `refresh`

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Statements that hold no others.
_PLAIN = {ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Import}
_PLAIN |= {ast.ImportFrom}
# Instructions of a code that returns a constant: those that give it, and those that do no work.
_CONSTANTS = frozenset(("LOAD_CONST", "LOAD_SMALL_INT", "RETURN_CONST"))
_EMPTY = frozenset(("RESUME", "NOP", "CACHE", "RETURN_VALUE"))

Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Definition = Node | Unparsed


class Index(NamedTuple):
    """The definitions in a text."""

    functions: dict[Key, Node]
    classes: dict[str, list[ast.ClassDef]]  # by qualified name

    def add(self, body: list[Any], prefix: str) -> None:
        """Adds those in a body of statements."""
        for node in body:
            kind = type(node)
            if kind in _PLAIN:
                continue  # as most are
            if isinstance(node, _FUNCTIONS):
                self.functions[_first_line(node), node.name] = node
                self.add(node.body, f"{prefix}{node.name}.<locals>.")
            elif isinstance(node, ast.ClassDef):
                self.classes.setdefault(prefix + node.name, []).append(node)
                self.add(node.body, f"{prefix}{node.name}.")
            else:
                for name in PARTS:
                    if inner := node.__dict__.get(name):
                        self.add(inner, prefix)


class Listing:
    """The text of a file at one time: its definitions by line and by qualified name.

    It is parsed when that is needed: what an earlier process has kept of it may suffice.
    """

    def __init__(self, file: str, lines: list[str], names: dict[str, Any] | None = None) -> None:
        self.file = file
        self.lines = lines
        self._names = names
        self._normal: dict[tuple[Any, ...], tuple[ast.AST, Normal]] = {}
        self._new: dict[FormKey, Normal] = {}  # forms to be kept

    @cached_property
    def tree(self) -> ast.Module | None:
        """Its syntax tree; None if the text is no Python."""
        return parsed("".join(self.lines))

    @cached_property
    def index(self) -> Index:
        """Its definitions."""
        index = Index({}, {})
        if self.tree is not None:
            index.add(self.tree.body, "")
        return index

    @cached_property
    def _place(self) -> Place | None:
        """Where forms of it are kept."""
        made = is_made_of_text(self.file, self._names)
        return place_of("".join(self.lines)) if made else None

    @cached_property
    def _kept(self) -> Kept | None:
        """What an earlier process has kept of it."""
        return None if self._place is None else self._place.read()

    def normal(
        self,
        node: ast.AST | Unparsed,
        *,
        defaults: bool = True,
        read: Read = NOTHING,
        cells: frozenset[str] = frozenset(),
    ) -> Normal:
        """The normal form of one of its nodes."""
        if isinstance(node, Unparsed):
            if self._kept is not None and not defaults:
                kept = self._kept.form(form_key(node[:2], read, cells))
                if kept is not None:
                    return kept
            node = self.node_of(node)
        key = (id(node), defaults, read, cells)
        if key not in self._normal:
            # The node is kept with its form, so that no other node gets its id.
            form = normal(node, defaults=defaults, read=read, cells=cells)
            self._normal[key] = node, form
            if isinstance(node, _FUNCTIONS) and not defaults:
                self._keep(node, form_key((_first_line(node), node.name), read, cells), form)
        return self._normal[key][1]

    def node_of(self, definition: Definition) -> Node:
        """The syntax tree of a definition."""
        if isinstance(definition, Unparsed):
            return self.index.functions[definition[:2]]
        return definition

    def _keep(self, node: ast.AST, key: FormKey, form: Normal) -> None:
        """Has a form written when Python ends."""
        if self._place is not None and self.index.functions.get(key[0]) is node:
            if not self._new:
                atexit.register(self._write)
            self._new[key] = form

    def _write(self) -> None:
        if self._place is not None and self.compiled is not None:
            [top] = self.compiled["<module>"]
            earlier = {} if self._kept is None else self._kept.forms
            functions = map(_unparsed, self.index.functions.values())
            # A copy, since threads of the user may go on at the end of Python.
            self._place.write(functions, dict(self._new), earlier, top)

    def source(self, node: Any) -> str:
        """The lines of a definition, as a text that counts."""
        return f"source {self.lines_of(node)!a}"

    def lines_of(self, node: Any) -> str:
        """The lines of a definition as they stand in the file."""
        first = node.first if isinstance(node, Unparsed) else _first_line(node)
        return textwrap.dedent("".join(self.lines[first - 1 : node.end_lineno]))

    @cached_property
    def compiled(self) -> Compiled | None:
        """Its text, compiled as its module was; None where that cannot be done."""
        return None if self.tree is None else compiled(self.tree, self.file, self._names)

    def definition(self, code: CodeType) -> Definition | None:
        """The definition that was compiled to this code; None if the file has it no more."""
        kept = self._kept
        own = None if kept is None else counterpart(kept.codes, code)
        if kept is not None and own is not None and _key(own) in kept.functions:
            return kept.functions[_key(own)]
        # A lambda; or the source itself says whether it has this code (KF2).
        if self.tree is None:
            return self._block(code)
        if own is None:
            own = code if self.compiled is None else counterpart(self.compiled, code)
        if own is None:
            return None
        return (
            self._lambda(own) if own.co_name == "<lambda>" else self.index.functions.get(_key(own))
        )

    def _block(self, code: CodeType) -> Definition | None:
        """The definition at the line of the code, in a file that is not all Python."""
        lines = self.lines[code.co_firstlineno - 1 :]
        tree = parsed(textwrap.dedent("".join(inspect.getblock(lines)))) if lines else None
        for node in ast.walk(tree) if tree else ():
            named = getattr(node, "name", "<lambda>") == code.co_name
            if isinstance(node, Node) and named:
                return node
        return None

    def _lambda(self, code: CodeType) -> ast.Lambda | None:
        here = [
            node
            for statement in (self.tree.body if self.tree else ())
            if _first_line(statement) <= code.co_firstlineno <= (statement.end_lineno or 0)
            for node in ast.walk(statement)
            if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
        ]
        spans = {(a, c, b, d) for a, b, c, d in code.co_positions()}
        placed = (node for node in here if _is_at(node.body, spans))
        return next(placed, None) or next((node for node in here if _is_constant(node, code)), None)


def refresh() -> None:
    """Makes every file be looked at again, once. Each survey calls it."""
    _fresh.clear()


def listing_of(code: CodeType, names: dict[str, Any]) -> tuple[Listing, Definition] | None:
    """The listing that holds a function, and its definition there; None when it has no source.

    Raises BadStage when the file was edited after the code was loaded.
    """
    readings = readings_of(code.co_filename, names)
    for listing in reversed(readings):
        definition = listing.definition(code)
        if definition is not None:
            return listing, definition
    if not readings or readings[-1].compiled is None:
        return None
    compiled_file = stale_file(code.co_filename)
    raise BadStage(
        f"the source of {code.co_qualname} was edited after it was "
        + ("compiled" if compiled_file else "loaded"),
        file=code.co_filename,
        line=code.co_firstlineno,
        remedy=f"remove {compiled_file}, which Python runs in place of the source"
        if compiled_file
        else "start Python anew, or reload the module",
    )


def class_listing(kind: type, codes: list[CodeType]) -> tuple[Listing, ast.ClassDef] | None:
    """The listing that holds a class whose methods have these codes, and its definition there."""
    home = sys.modules.get(kind.__module__)
    names = vars(home) if home else None
    files = [code.co_filename for code in codes] or [getattr(home, "__file__", None) or ""]
    for listing in reversed(readings_of(files[0], names)):
        for node in reversed(listing.index.classes.get(kind.__qualname__, [])):
            if _holds(listing, node, codes) and (codes or _agrees(kind, node)):
                return listing, node
    return None


def _holds(listing: Listing, node: ast.ClassDef, codes: list[CodeType]) -> bool:
    """Whether a class statement holds the functions with these codes."""
    found = [listing.definition(code) for code in codes]
    return all(
        one is not None and node.lineno <= one.lineno <= (node.end_lineno or 0) for one in found
    )


def _agrees(kind: type, node: ast.ClassDef) -> bool:
    """Whether a class without methods has the names that this statement assigns."""
    names = set(vars(kind)) | set(vars(kind).get("__annotations__", ()))
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name) and target.id not in names:
                    return False
    return True


def readings_of(file: str, names: dict[str, Any] | None = None) -> list[Listing]:
    """The readings of a file, the latest last; the file is read again if it has changed."""
    if file in _fresh:
        return _known[file]
    linecache.checkcache(file)
    lines = linecache.getlines(file, names)
    known = _known.setdefault(file, [])
    if lines and not (known and (known[-1].lines is lines or known[-1].lines == lines)):
        known.append(Listing(file, lines, names))
    _fresh.add(file)  # not before: a thread that finds it there believes what is known
    return known


def stale_file(file: str) -> str:
    """The compiled file that Python runs though the source was edited since; "" if none."""
    import importlib.util
    import struct

    compiled_file = importlib.util.cache_from_source(file)
    try:
        source, made = os.stat(file), os.stat(compiled_file)
        with open(compiled_file, "rb") as read:  # noqa: PTH123
            head = read.read(16)
    except OSError:
        return ""
    taken = struct.pack("<II", int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
    changed = max(source.st_mtime_ns, source.st_ctime_ns)
    return compiled_file if head[8:] == taken and changed > made.st_mtime_ns else ""


def _is_at(body: ast.expr, spans: Container[tuple[int | None, ...]]) -> bool:
    """Whether an expression, or a branch of it, is at one of these places: one of `a if b else c`
    has no place of its own where `b` is a comparison.
    """
    if (body.lineno, body.col_offset, body.end_lineno, body.end_col_offset) in spans:
        return True
    parts = (body.test, body.body, body.orelse) if isinstance(body, ast.IfExp) else ()
    return any(_is_at(part, spans) for part in parts)


def _is_constant(node: ast.Lambda, code: CodeType) -> bool:
    """Whether this code returns the constant of a lambda; Python 3.12 keeps no place of it."""
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if list(code.co_varnames[: len(names)]) != names or (told := _returned(code)) is None:
        return False
    return told == _returned(compile(ast.Expression(node.body), "<lambda>", "eval"))


def _returned(code: CodeType) -> tuple[type, str] | None:
    """The type and the text of the constant that a code returns and does nothing else."""
    found = [(one.opname, one.argval) for one in dis.get_instructions(code)]
    values = [value for name, value in found if name in _CONSTANTS]
    is_plain = all(name in _CONSTANTS or name in _EMPTY for name, _ in found)
    return (type(values[0]), repr(values[0])) if is_plain and len(values) == 1 else None


def _key(code: CodeType) -> Key:
    return code.co_firstlineno, code.co_name


def _first_line(node: Any) -> int:
    decorators = getattr(node, "decorator_list", None)
    return int((decorators[0] if decorators else node).lineno)


def roots_of(definition: Any) -> tuple[str, ...]:
    """The names with which the decorators of a definition begin; "" for one that has none."""
    if isinstance(definition, Unparsed):
        return definition.roots
    return tuple(root_of(one) or "" for one in getattr(definition, "decorator_list", ()))


def _unparsed(node: Any) -> Unparsed:
    return Unparsed(_first_line(node), node.name, node.lineno, node.end_lineno, roots_of(node))
