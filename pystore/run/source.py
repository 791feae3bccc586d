"""The digest of a realizer's source, by which an edit is noticed (identity stays the config's)."""

import ast
import inspect
import textwrap
from types import CodeType
from typing import Any

from ..model.digest import short
from ..model.realizer import Realizer

_known: dict[CodeType, str] = {}


def source_digest(realizer: Realizer) -> str:
    """32 hex digits of the function's code, comments and layout aside; "" where it has none."""
    if getattr(realizer.function, "identified", False):
        return ""  # a @stage: its code is in the config, or was left out on purpose
    function = realizer.plain
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return ""
    if code not in _known:
        _known[code] = _digest(function)
    return _known[code]


def _digest(function: Any) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(function))
        normal = ast.unparse(ast.parse(source))
    except (OSError, TypeError, SyntaxError):
        return ""  # typed into a console, or part of a larger expression
    return short("pystore source 1", normal.encode())
