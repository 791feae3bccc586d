"""The digest of a realizer's source, by which an edit is noticed (identity stays the config's)."""

import ast
import inspect
import sys
import textwrap
from types import CodeType
from typing import Any

from ...core.derivation import Derivation
from ...core.digest import short
from ...core.errors import BadStage
from ...core.realizer import Realizer

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


def check_planned(derivation: Derivation, source: str) -> None:
    """Raises BadStage when this process has other code for a derivation than the one that planned.

    What is sent by its name is what this process imported: perhaps earlier, perhaps edited since,
    and without what the planning process has set in its modules.
    """
    realizer, here = derivation.realizer, ""
    if (code := getattr(realizer.function, "imported_code", None)) is not None:
        here, source = code(), derivation.config.value.get("code", "")
    elif _imported(realizer.plain):
        here = source_digest(realizer)
    if here and source and here != source:
        raise BadStage(
            f"the worker has other code for {realizer.name} than what was planned",
            dref=derivation.dref,
            module=getattr(realizer.plain, "__module__", None),
            remedy="pass what the script sets in a module at run time as a parameter; after an "
            "edit, start new workers",
        )


def _imported(function: Any) -> bool:
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    return getattr(module, getattr(function, "__qualname__", ""), None) is function
