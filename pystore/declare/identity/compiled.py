"""Compiled: whether the text of a file is the source of the loaded code.

Today's text is compiled as its module was, by the loader of the module, and compared with the
loaded code: constants, names and places, not byte by byte, since profilers insert instructions.
Time stamps are not used.
"""

import ast
import os
import sys
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from .functions import codes_of
from .parsing import unwarned

_PLAIN = SourceFileLoader("", "")  # for code whose module names no loader


Compiled = Mapping[str, list[CodeType]]
"""The code objects of today's text of a file, by qualified name."""


def counterpart(compiled: Compiled, code: CodeType) -> CodeType | None:
    """The code of today's text that equals the loaded code; it may have moved by some lines."""
    found = [one for one in compiled.get(code.co_qualname, ()) if agree(one, code)]
    line = code.co_firstlineno
    return min(found, key=lambda one: abs(one.co_firstlineno - line), default=None)


def compiled(tree: ast.Module, file: str, names: Mapping[str, Any] | None) -> Compiled | None:
    """Today's text of a file, given its syntax tree, compiled as its module was.

    None for a cell of a notebook, whose text never changes, and for code that its loader makes
    from more than the file, as pytest's loader does.
    """
    if not os.path.exists(file):
        return None
    loader = _loader(file, names)
    if not hasattr(loader, "source_to_code"):
        return None
    if _is_plain(loader):
        return by_name(unwarned(lambda: compile(tree, file, "exec", dont_inherit=True)))
    content = Path(file).read_bytes()
    return by_name(unwarned(lambda: loader.source_to_code(content, file)))


def by_name(top: CodeType) -> Compiled:
    """The code of a module, and the code objects inside of it, by qualified name."""
    codes: dict[str, list[CodeType]] = {}
    for one in codes_of(top):
        codes.setdefault(one.co_qualname, []).append(one)
    return codes


def is_made_of_text(file: str, names: Mapping[str, Any] | None) -> bool:
    """Whether the code of a file follows from its text alone: Python's own loader makes it."""
    return os.path.exists(file) and _is_plain(_loader(file, names))


def _is_plain(loader: Any) -> bool:
    return getattr(type(loader), "source_to_code", None) is SourceFileLoader.source_to_code


def _loader(file: str, names: Mapping[str, Any] | None) -> Any:
    home = sys.modules.get((names or {}).get("__name__", ""))
    for one in (names, None if home is None else vars(home)):
        if one is not None and one.get("__file__") == file:
            loader = getattr(one.get("__spec__"), "loader", None) or one.get("__loader__")
            if loader is not None:
                return loader
    return _PLAIN


def agree(one: CodeType, other: CodeType) -> bool:
    """Whether two codes have the same source, wherever in the file it stands."""
    if one == other:
        return True  # the usual case, and quick
    if _shape(one) != _shape(other):
        return False
    if len(one.co_code) == len(other.co_code) and one.co_code != other.co_code:
        return False  # `x * 2`, edited to `x + 2`
    inner = zip(_inner(one), _inner(other), strict=True)
    return all(agree(a, b) for a, b in inner)


def _shape(code: CodeType) -> tuple[Any, ...]:
    """The parts of code that profilers do not change: constants, names, places in the text."""
    constants = {_constant(one) for one in code.co_consts if not isinstance(one, CodeType)}
    names = (code.co_varnames, code.co_freevars, code.co_cellvars, frozenset(code.co_names))
    first = code.co_firstlineno
    places = {
        (a - first, (b or a) - first, c, d)
        for a, b, c, d in code.co_positions()
        if a is not None and a >= first
    }
    return constants, names, places, code.co_name, len(_inner(code)), code.co_flags


def _constant(value: object) -> object:
    """A constant with its type, so that 1 and True differ, and 0.0 and -0.0."""
    if isinstance(value, frozenset):
        return frozenset(map(_constant, value))
    return tuple(map(_constant, value)) if isinstance(value, tuple) else (type(value), repr(value))


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(_shown, value))) + "}"
    return ascii(value)


def _inner(code: CodeType) -> list[CodeType]:
    return [one for one in code.co_consts if isinstance(one, CodeType)]


def bytecode(code: CodeType, docstring: str | None) -> tuple[list[str], list[str]]:
    """The text of code without source, and the names in it."""
    parts: list[str] = []
    names = dict.fromkeys(code.co_freevars)
    for one in codes_of(code):
        names.update(dict.fromkeys(one.co_names))
        constants = [c for c in one.co_consts if not isinstance(c, CodeType)]
        if constants and constants[0] == docstring:
            constants[0] = None
        shown = ", ".join(map(_shown, constants))
        parts.append(f"{one.co_code.hex()} {shown} {one.co_names} {one.co_varnames}")
    return parts, list(names)
