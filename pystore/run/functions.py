"""Functions: what is inside of wrappers, classes, closures and code."""

from functools import partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

MISSING = object()
_WRAPPED = ("__wrapped__", "py_func", "python_function")


def unwrapped(value: Any) -> list[Any]:
    """The wrappers around a function, outermost first; the function itself is the last."""
    chain = [value]
    while len(chain) < 20:  # an object that answers to every name is no wrapper
        value = chain[-1]
        if isinstance(value, partial):
            inner: Any = value.func
        elif isinstance(value, MethodType | staticmethod | classmethod):
            inner = value.__func__
        else:
            found = (getattr(value, name, None) for name in _WRAPPED)
            inner = (
                None if isinstance(value, type) else next((f for f in found if f is not None), None)
            )
        if inner is None or any(inner is one for one in chain):
            break
        chain.append(inner)
    return chain


def called(function: FunctionType, name: str) -> str:
    """The name of a function; of a lambda, the name by which it was found."""
    own = function.__code__.co_qualname
    return name if own.endswith("<lambda>") and name else own


def content(cell: CellType) -> Any:
    """What a closure holds, or MISSING."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING  # not assigned yet


def codes_of(code: CodeType) -> list[CodeType]:
    """Code and all the code inside of it."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return [code, *(deep for one in inner for deep in codes_of(one))]


def generated(function: Any) -> bool:
    """Whether a function was made by a library, as the __init__ of a dataclass."""
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and code.co_filename == "<string>"


def methods_of(kind: type) -> list[FunctionType]:
    """The functions that stand in the class statement."""
    found = []
    for value in vars(kind).values():
        value = getattr(value, "fget", value)
        plain = unwrapped(value)[-1]
        inside = getattr(plain, "__qualname__", "").startswith(kind.__qualname__ + ".")
        if isinstance(plain, FunctionType) and inside and not generated(plain):
            found.append(plain)
    return found
