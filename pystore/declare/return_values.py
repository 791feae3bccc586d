"""Return values: whether a function surely returns a value, as its source says."""

import ast
import builtins
import dis
import inspect
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

from ..core.derivation import Derivation
from ..core.errors import BadStage
from .stage import StageRealizer

# These builtins may return None.
_OPEN = frozenset(
    ("breakpoint", "delattr", "eval", "exec", "getattr", "max", "min", "next", "print", "setattr")
)
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def check_returns(derivation: Derivation) -> None:
    """Raises BadStage when a @stage surely returns a value, which would be lost, or cannot run."""
    realizer = derivation.realizer.function
    if not isinstance(realizer, StageRealizer):
        return
    name, function = realizer.stage.stage_name, realizer.stage.function
    for kind in ("generator", "coroutine", "asyncgen"):
        if getattr(inspect, f"is{kind}function")(function):
            raise BadStage(
                f"the stage {name} would not run: a call of it only makes a {kind}",
                remedy="write a plain function: no yield, and def in place of async def",
            )
    value = None if realizer.stage.keeps_value else returned_value(function)
    if value is not None:
        raise BadStage(
            f"the stage {name} returns a value, which would be lost",
            returns=value,
            remedy="write it to a file: add a parameter file=output('file')",
        )


def returned_value(function: Any) -> str | None:
    """The source of the value that a function returns; None if it may return nothing."""
    if not isinstance(function, FunctionType) or not _may_return(function.__code__):
        return None
    found = next((r for r in _returns(function.__code__) if _is_value(r, function, ())), None)
    return None if found is None else ast.unparse(found)[:200]


@lru_cache(1024)
def _may_return(code: CodeType) -> bool:
    """Whether the loaded code returns anything but None; its file may have been edited since."""
    last: Any = None
    for step in dis.get_instructions(code):
        if step.opname == "RETURN_CONST" and step.argval is not None:
            return True
        nothing = last == ("LOAD_CONST", None) and not step.is_jump_target
        if step.opname == "RETURN_VALUE" and not nothing:
            return True
        last = (step.opname, step.argval)
    return False


@lru_cache(1024)
def _returns(code: CodeType) -> tuple[ast.expr, ...]:
    """The expressions after `return` in the source of a function."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):
        return ()  # typed into a console, or part of a larger expression
    node = tree.body[0] if tree.body else None
    if not isinstance(node, ast.FunctionDef) or node.name != code.co_name:
        return ()
    found = (one.value for one in _own(node) if isinstance(one, ast.Return))
    return tuple(value for value in found if value is not None)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes in a function, without those of functions and classes inside of it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _INNER):
            yield child
            yield from _own(child)


def _is_value(found: ast.expr, function: FunctionType, above: tuple[CodeType, ...]) -> bool:
    """Whether an expression surely is something else than None."""
    match found:
        case ast.Constant():
            return found.value is not None
        case ast.IfExp():
            return any(_is_value(one, function, above) for one in (found.body, found.orelse))
        case ast.BoolOp():
            return any(_is_value(one, function, above) for one in found.values)
        case ast.NamedExpr():
            return _is_value(found.value, function, above)
        case ast.Call():
            return _gives_value(_called(found.func, function), above)
        case ast.Await() | ast.Yield() | ast.YieldFrom():
            return False
    return True


def _called(func: ast.expr, function: FunctionType) -> Any:
    """The function or class that a call names; None if that is not known."""
    code = function.__code__
    if not isinstance(func, ast.Name) or func.id in (*code.co_varnames, *code.co_freevars):
        return None
    found = function.__globals__.get(func.id)
    return vars(builtins).get(func.id) if found is None else found


def _gives_value(called: Any, above: tuple[CodeType, ...]) -> bool:
    if isinstance(called, BuiltinFunctionType):
        return called.__module__ == "builtins" and called.__name__ not in _OPEN
    if isinstance(called, FunctionType):
        code = called.__code__
        if "return" in called.__annotations__:
            return called.__annotations__["return"] not in (None, "None", "Any", Any)
        inner = (*above, code)
        return code not in above and any(_is_value(r, called, inner) for r in _returns(code))
    return isinstance(called, type)
